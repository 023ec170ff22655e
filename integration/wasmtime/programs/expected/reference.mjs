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
