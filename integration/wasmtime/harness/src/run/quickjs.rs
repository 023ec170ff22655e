//! QuickJS: runs a script and prints the value of its last expression.

use super::emscripten::{Library, Names};
use super::{Outcome, Stopwatch};
use std::io::Write;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Module, Result, bail, ensure};

pub(super) fn run(engine: &Engine, module: &Module, names: Names, args: &[String]) -> Result<Outcome> {
    let [script] = args else { bail!("this is QuickJS: it takes one argument, a script") };
    let source = std::fs::read(script).with_context(|| script.clone())?;
    let mut quickjs = Library::new(engine, module, names)?;
    let started = Stopwatch::start();
    let runtime = quickjs.call("QTS_NewRuntime", &[])?;
    // 0 stands for a context with everything in it.
    let context = quickjs.call("QTS_NewContext", &[runtime, 0])?;
    let (text, name) = (quickjs.put(&source)?, quickjs.put(script.as_bytes())?);
    let value = quickjs.call("QTS_Eval", &[context, text, i32::try_from(source.len())?, name, 0, 0])?;
    let exception = quickjs.call("QTS_ResolveException", &[context, value])?;
    let shown = if exception == 0 { value } else { exception };
    let shown = quickjs.call("QTS_GetString", &[context, shown])?;
    let shown = quickjs.string(shown)?;
    ensure!(exception == 0, "{}", String::from_utf8_lossy(shown));
    let mut out = std::io::stdout().lock();
    out.write_all(shown)?;
    out.write_all(b"\n")?;
    Ok(Outcome { run: started.elapsed(), exit: 0 })
}
