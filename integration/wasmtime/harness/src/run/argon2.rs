//! The hash of passwords Argon2: makes the hash of one.

use super::emscripten::{Library, Names};
use super::{Outcome, Stopwatch};
use std::io::Write;
use wasmtime::error::Context as _;
use wasmtime::{Engine, Module, Result, bail};

/// Passes over memory, kilobytes of memory, and threads.
const EFFORT: [i32; 3] = [3, 8192, 1];
const SALT: &[u8] = b"somewhat salty";
/// Bytes of the hash.
const LENGTH: i32 = 32;
/// The kind Argon2id, and its version.
const KIND: [i32; 2] = [2, 0x13];

pub(super) fn run(engine: &Engine, module: &Module, names: Names, args: &[String]) -> Result<Outcome> {
    let [password] = args else { bail!("this is Argon2: it takes one argument, a password") };
    let mut argon2 = Library::new(engine, module, names)?;
    let started = Stopwatch::start();
    let (text, salt) = (argon2.put(password.as_bytes())?, argon2.put(SALT)?);
    let (text_length, salt_length) = (i32::try_from(password.len())?, i32::try_from(SALT.len())?);
    let [passes, memory, threads] = EFFORT;
    let [kind, version] = KIND;
    let room = argon2.call("argon2_encodedlen", &[passes, memory, threads, salt_length, LENGTH, kind])?;
    let (hash, encoded) = (argon2.call("malloc", &[LENGTH])?, argon2.call("malloc", &[room])?);
    let inputs = [text, text_length, salt, salt_length];
    let outputs = [hash, LENGTH, encoded, room];
    let fault = argon2.call("argon2_hash", &[&EFFORT[..], &inputs, &outputs, &[kind, version]].concat())?;
    if fault != 0 {
        let message = argon2.call("argon2_error_message", &[fault])?;
        bail!("{}", String::from_utf8_lossy(argon2.string(message)?));
    }
    let run = started.elapsed();
    let mut out = std::io::stdout().lock();
    out.write_all(argon2.string(encoded)?).and_then(|()| out.write_all(b"\n")).context("standard output")?;
    Ok(Outcome { run, exit: 0 })
}
