// Runs the programs under V8, with the JavaScript that their packages bring, and writes down what they print.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
process.chdir(new URL("..", import.meta.url).pathname);
const write = (name, text) => writeFileSync(`expected/${name}`, text);

const { Database } = await require("sql.js")();
let rows = "";
for (const statement of new Database().iterateStatements(readFileSync("sqlite/queries.sql", "utf8"))) {
  while (statement.step()) rows += `${statement.get().map((value) => value ?? "").join("|")}\n`;
}
write("sqlite.txt", rows);

// Lua prints to this process's output, so it gets a process of its own.
const lua = `
  const { LuaFactory } = require("wasmoon");
  new LuaFactory().createEngine().then((engine) => engine.doString(require("fs").readFileSync("lua/compute.lua", "utf8")));`;
write("lua.txt", execFileSync(process.execPath, ["-e", lua]));

// A script that prints nothing: its last value is what counts. V8 is a JavaScript engine itself.
write("quickjs.txt", `${(0, eval)(readFileSync("quickjs/compute.js", "utf8"))}\n`);

const flags = ["--bundle", "--minify", "--platform=node", "--format=esm", "esbuild/main.ts"];
const esbuild = "node_modules/esbuild-wasm/";
write("esbuild.txt", execFileSync(process.execPath, [`${esbuild}wasm_exec_node.js`, `${esbuild}esbuild.wasm`, ...flags]));

const { initWasm, Resvg } = require("@resvg/resvg-wasm");
await initWasm(readFileSync("node_modules/@resvg/resvg-wasm/index_bg.wasm"));
const summary = (bytes) => {
  // FNV-1a, in 64 bits.
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return `${bytes.length} bytes, ${hash.toString(16).padStart(16, "0")}\n`;
};
write("resvg.txt", summary(new Resvg(readFileSync("resvg/scene.svg", "utf8")).render().asPng()));

// The package counts clusters in units of UTF-16, so this calls the library itself.
const library = new WebAssembly.Module(readFileSync("node_modules/harfbuzzjs/dist/harfbuzz.wasm"));
const imports = {};
for (const { module, name } of WebAssembly.Module.imports(library)) (imports[module] ??= {})[name] = () => 0;
imports.env.emscripten_resize_heap = (bytes) => {
  hb.memory.grow(Math.max(0, Math.ceil(bytes / 65536) - hb.memory.buffer.byteLength / 65536));
  return 1;
};
const hb = new WebAssembly.Instance(library, imports).exports;
hb.__wasm_call_ctors();
const put = (bytes) => {
  const at = hb.malloc(bytes.length);
  new Uint8Array(hb.memory.buffer, at).set(bytes);
  return [at, bytes.length];
};
const blob = hb.hb_blob_create(...put(readFileSync("node_modules/dejavu-fonts-ttf/ttf/DejaVuSans.ttf")), 2, 0, 0);
const font = hb.hb_font_create(hb.hb_face_create(blob, 0));
let glyphs = "";
for (const line of readFileSync("harfbuzz/text.txt", "utf8").trimEnd().split("\n")) {
  const buffer = hb.hb_buffer_create();
  const [at, length] = put(new TextEncoder().encode(line));
  hb.hb_buffer_add_utf8(buffer, at, length, 0, length);
  hb.hb_buffer_guess_segment_properties(buffer);
  hb.hb_shape(font, buffer, 0, 0);
  const infos = hb.hb_buffer_get_glyph_infos(buffer, 0), places = hb.hb_buffer_get_glyph_positions(buffer, 0);
  const words = new Int32Array(hb.memory.buffer);
  for (let i = 0; i < hb.hb_buffer_get_length(buffer); i++) {
    const [info, place] = [infos / 4 + 5 * i, places / 4 + 5 * i];
    glyphs += `${words[info]}@${words[info + 2]}+${words[place]} `;
  }
  glyphs += "\n";
}
write("harfbuzz.txt", glyphs);

// The same calls as the host makes: towers of boxes and balls that fall over, and where everything is in the end.
const rapier = new WebAssembly.Module(readFileSync("node_modules/@dimforge/rapier3d/rapier_wasm3d_bg.wasm"));
const scratch = [0, 0, 0];
const around = {};
for (const { module, name } of WebAssembly.Module.imports(rapier)) {
  (around[module] ??= {})[name] = (...args) => {
    // A clock that stands still, and an array of three numbers; the number of the object is never looked at.
    if (/accessor|performance|clone_ref/.test(name)) return 200;
    if (/now|is_undefined/.test(name)) return 0;
    if (/set_index/.test(name)) return void (scratch[args[1]] = args[2]);
    if (/drop_ref/.test(name)) return;
    throw new Error(name);
  };
}
const physics = new WebAssembly.Instance(rapier, around).exports;
const vector = (x, y, z) => physics.rawvector_new(x, y, z);
const zero = vector(0, 0, 0), upright = physics.rawrotation_identity();
const bodies = physics.rawrigidbodyset_new(), colliders = physics.rawcolliderset_new();
const place = (kind, x, y, z, shape) => {
  const at = vector(x, y, z);
  const body = physics.rawrigidbodyset_createRigidBody(bodies, 1, at, upright, 1, 0, 0, zero, zero, zero, zero, upright,
    1, 1, 1, 1, 1, 1, 0, 0, kind, 1, 0, 0, 0, 0, 0, 0);
  const result = physics.__wbindgen_add_to_stack_pointer(-16);
  physics.rawcolliderset_createCollider(result, colliders, 1, shape, zero, upright, 0, 0, zero, zero, upright, 1, 0.5, 0.1,
    0, 0, 0, -1, -1, 15, 0, 0, 0, 0, 1, body, bodies);
  physics.__wbindgen_add_to_stack_pointer(16);
  return body;
};
place(1, 0, -1, 0, physics.rawshape_cuboid(60, 1, 60));
const box = physics.rawshape_cuboid(0.5, 0.5, 0.5), ball = physics.rawshape_ball(0.6);
const falling = [];
for (let i = 0; i < 8; i++) {
  for (let j = 0; j < 12; j++) {
    falling.push(place(0, 3 * (i % 4) + 0.04 * j, 0.5 + 1.02 * j, 3 * Math.floor(i / 4), j % 3 === 2 ? ball : box));
  }
}
const parts = ["rawintegrationparameters", "rawislandmanager", "rawbroadphase", "rawnarrowphase"];
const joints = ["rawsoftbodyset", "rawimpulsejointset", "rawmultibodyjointset", "rawccdsolver"];
const made = (names) => names.map((name) => physics[`${name}_new`]());
const world = [vector(0, -9.81, 0), ...made(parts), bodies, colliders, ...made(joints)];
const pipeline = physics.rawphysicspipeline_new();
for (let step = 0; step < 180; step++) physics.rawphysicspipeline_step(pipeline, ...world);
let positions = "";
for (const body of falling) {
  physics.rawrigidbodyset_rbTranslation(bodies, body, 201);
  positions += `${scratch.map((number) => number.toFixed(4)).join(" ")}\n`;
}
write("rapier3d.txt", positions);

const brotli = require("brotli-wasm");
write("brotli.txt", summary(brotli.compress(readFileSync("node_modules/@resvg/resvg-wasm/index.js"))));

// The same picture as the host makes: circles about the middle over a slope.
const { initSync, optimise_raw } = await import("../node_modules/@jsquash/oxipng/codec/pkg/squoosh_oxipng.js");
initSync(new WebAssembly.Module(readFileSync("node_modules/@jsquash/oxipng/codec/pkg/squoosh_oxipng_bg.wasm")));
const side = 160, pixels = [];
for (let y = 0; y < side; y++) {
  for (let x = 0; x < side; x++) {
    const far = (x - side / 2) ** 2 + (y - side / 2) ** 2;
    pixels.push((far >> 4) & 255, x + y & 255, ((far >> 6) * 8) & 255, 255);
  }
}
write("oxipng.txt", summary(optimise_raw(new Uint8ClampedArray(pixels), side, side, 3, false, false)));

// The package wants a formatter from another package; its module is called here as that one would.
const formatter = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(require("@dprint/typescript").getPath()))).exports;
const shared = (at, length) => new Uint8Array(formatter.memory.buffer, at, length);
const send = (bytes) => shared(formatter.clear_shared_bytes(bytes.length), bytes.length).set(bytes);
const program = "node_modules/harfbuzzjs/dist/harfbuzz.js";
send(Buffer.from(JSON.stringify({ global: {}, plugin: {} })));
formatter.register_config(1);
send(Buffer.from(program));
formatter.set_file_path();
send(readFileSync(program));
if (formatter.format(1) !== 1) throw new Error("nothing to format");
const formatted = formatter.get_formatted_text();
write("dprint.txt", summary(shared(formatter.get_shared_bytes_ptr(), formatted)));

// The package takes Node for a browser when it can fetch.
delete globalThis.fetch;
const argon2 = require("argon2-browser");
const { encoded } = await argon2.hash({
  pass: "correct horse battery staple", salt: "somewhat salty", time: 3, mem: 8192, hashLen: 32, parallelism: 1,
  type: argon2.ArgonType.Argon2id,
});
write("argon2.txt", `${encoded}\n`);
