//! The Lua interpreter: runs a script with Lua's own libraries, but for files.

use super::emscripten::{Library, Names};
use super::{Outcome, Stopwatch};
use wasmtime::error::Context as _;
use wasmtime::{Engine, Module, Result, bail};

pub(super) fn run(engine: &Engine, module: &Module, names: Names, args: &[String]) -> Result<Outcome> {
    let [script] = args else { bail!("this is the Lua interpreter: it takes one argument, a script") };
    let source = std::fs::read(script).with_context(|| script.clone())?;
    let mut lua = Library::new(engine, module, names)?;
    let started = Stopwatch::start();
    let state = lua.call("luaL_newstate", &[])?;
    lua.call("luaL_openlibs", &[state])?;
    let (text, name) = (lua.put(&source)?, lua.put(format!("@{script}").as_bytes())?);
    let mut failed = lua.call("luaL_loadbufferx", &[state, text, i32::try_from(source.len())?, name, 0])?;
    if failed == 0 {
        failed = lua.call("lua_pcallk", &[state, 0, 0, 0, 0, 0])?;
    }
    if failed != 0 {
        let message = lua.call("lua_tolstring", &[state, -1, 0])?;
        bail!("{}", String::from_utf8_lossy(lua.string(message)?));
    }
    lua.call("lua_close", &[state])?;
    lua.call("fflush", &[0])?;
    Ok(Outcome { run: started.elapsed(), exit: 0 })
}
