//! SQLite: runs a script of statements against a database in memory, and prints the rows of every query.

use super::emscripten::{Library, Names};
use super::{Outcome, Stopwatch};
use std::io::Write;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Module, Result, bail};

/// What `sqlite3_step` returns when it has a row.
const ROW: i32 = 100;
/// What `sqlite3_step` returns when there are no more rows.
const DONE: i32 = 101;

pub(super) fn run(engine: &Engine, module: &Module, names: Names, args: &[String]) -> Result<Outcome> {
    let [script] = args else { bail!("this is SQLite: it takes one argument, a script of statements") };
    let source = std::fs::read(script).with_context(|| script.clone())?;
    let mut sqlite = Library::new(engine, module, names)?;
    let started = Stopwatch::start();
    let (name, handle) = (sqlite.put(b":memory:")?, sqlite.put(&[0; 8])?);
    if sqlite.call("sqlite3_open", &[name, handle])? != 0 {
        bail!("the database cannot be opened");
    }
    let database = sqlite.word(handle)?;
    let text = sqlite.put(&source)?;
    let end = text + i32::try_from(source.len())?;
    let mut out = std::io::stdout().lock();
    let mut rest = text;
    while rest < end {
        // The compiled statement, and where the text behind it begins.
        let slots = handle;
        if sqlite.call("sqlite3_prepare_v2", &[database, rest, -1, slots, slots + 4])? != 0 {
            return Err(fault(&mut sqlite, database)?);
        }
        let (statement, tail) = (sqlite.word(slots)?, sqlite.word(slots + 4)?);
        rest = tail;
        // Blank space and comments compile to nothing.
        if statement == 0 {
            continue;
        }
        loop {
            match sqlite.call("sqlite3_step", &[statement])? {
                ROW => print_row(&mut sqlite, statement, &mut out)?,
                DONE => break,
                _ => return Err(fault(&mut sqlite, database)?),
            }
        }
        sqlite.call("sqlite3_finalize", &[statement])?;
    }
    sqlite.call("sqlite3_close_v2", &[database])?;
    Ok(Outcome { run: started.elapsed(), exit: 0 })
}

fn print_row(sqlite: &mut Library, statement: i32, out: &mut impl Write) -> Result<()> {
    for column in 0..sqlite.call("sqlite3_column_count", &[statement])? {
        let text = sqlite.call("sqlite3_column_text", &[statement, column])?;
        if column > 0 {
            out.write_all(b"|")?;
        }
        out.write_all(sqlite.string(text)?)?;
    }
    Ok(out.write_all(b"\n")?)
}

fn fault(sqlite: &mut Library, database: i32) -> Result<wasmtime::Error> {
    let message = sqlite.call("sqlite3_errmsg", &[database])?;
    Ok(wasmtime::Error::msg(String::from_utf8_lossy(sqlite.string(message)?).into_owned()))
}
