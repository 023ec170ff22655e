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
const png = new Resvg(readFileSync("resvg/scene.svg", "utf8")).render().asPng();
// FNV-1a, in 64 bits.
let hash = 0xcbf29ce484222325n;
for (const byte of png) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
write("resvg.txt", `${png.length} bytes, ${hash.toString(16).padStart(16, "0")}\n`);

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
