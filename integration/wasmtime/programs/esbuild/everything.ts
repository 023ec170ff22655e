// Brings a larger library into the bundle: the interpreter of Lua, as JavaScript sees it.
import * as wasmoon from "../node_modules/wasmoon/dist/index.js";
import { main } from "./main";

export const factory = () => new wasmoon.LuaFactory();
export { main };
