//! Libraries that make bytes out of bytes, and ask next to nothing of what is around them: the compressor brotli and the
//! shrinker of pictures oxipng, as wasm-bindgen builds them for JavaScript, and dprint's formatter of TypeScript.

use super::{Outcome, Stopwatch, fingerprint};
use std::path::Path;
use wasmtime::error::Context as _;
use wasmtime::{Engine, ExternType, Instance, Linker, Memory, Module, Result, Store, Val, bail, ensure, format_err};

/// A library, instantiated.
struct Library {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Library {
    fn new(engine: &Engine, module: &Module) -> Result<Self> {
        let mut linker = Linker::new(engine);
        for import in module.imports() {
            let is_func = matches!(import.ty(), ExternType::Func(_));
            if is_func && import.name() == "__wbindgen_is_undefined" {
                // The only object that these libraries are handed is none: options that are to be as they are.
                linker.func_wrap(import.module(), import.name(), |_: i32| 1_i32)?;
            }
        }
        linker.define_unknown_imports_as_traps(module)?;
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, module)?;
        let memory = instance.get_memory(&mut store, "memory").context("the library exports no memory")?;
        Ok(Self { store, instance, memory })
    }

    /// Calls an exported function of integers. What returns nothing returns 0.
    fn call(&mut self, name: &str, args: &[i32]) -> Result<i32> {
        let func = self.instance.get_func(&mut self.store, name);
        let func = func.ok_or_else(|| format_err!("the library does not export `{name}`"))?;
        let args: Vec<Val> = args.iter().map(|&arg| arg.into()).collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        func.call(&mut self.store, &args, &mut results).with_context(|| format!("in `{name}`"))?;
        Ok(results.first().and_then(Val::i32).unwrap_or(0))
    }

    fn bytes(&self, start: i32, length: i32) -> Result<&[u8]> {
        let (start, length) = (start as u32 as usize, length as u32 as usize);
        self.memory.data(&self.store).get(start..start + length).context("bytes beyond memory")
    }

    /// Calls a function as wasm-bindgen does: with bytes, and then what more there is; it makes bytes as well. `alignment`
    /// is what the library's allocator takes besides sizes, if it takes anything.
    fn transform(&mut self, name: &str, bytes: &[u8], more: &[i32], alignment: Option<i32>) -> Result<Vec<u8>> {
        let length = i32::try_from(bytes.len())?;
        let alignment = alignment.as_slice();
        let start = self.call("__wbindgen_malloc", &[&[length], alignment].concat())?;
        self.memory.write(&mut self.store, start as u32 as usize, bytes)?;
        let place = self.call("__wbindgen_add_to_stack_pointer", &[-16])?;
        self.call(name, &[&[place, start, length], more].concat())?;
        let word = |at| -> Result<i32> {
            let word = self.bytes(place, 16)?.get(at..).and_then(|rest| rest.first_chunk());
            Ok(i32::from_le_bytes(*word.context("a result has four words")?))
        };
        let (start, length) = (word(0)?, word(4)?);
        let made = self.bytes(start, length)?.to_vec();
        self.call("__wbindgen_free", &[&[start, length], alignment].concat())?;
        self.call("__wbindgen_add_to_stack_pointer", &[16])?;
        Ok(made)
    }
}

fn read(file: &str) -> Result<Vec<u8>> {
    std::fs::read(Path::new(file)).with_context(|| file.to_owned())
}

/// Compresses a file as far as it goes, and takes it apart again.
pub(super) fn brotli(engine: &Engine, module: &Module, args: &[String]) -> Result<Outcome> {
    let [file] = args else { bail!("this is brotli: it takes one argument, a file to compress") };
    let bytes = read(file)?;
    let mut brotli = Library::new(engine, module)?;
    let started = Stopwatch::start();
    // The number of an object; the library asks whether it is undefined, and hears that it is.
    let small = brotli.transform("compress", &bytes, &[0], None)?;
    let back = brotli.transform("decompress", &small, &[], None)?;
    let run = started.elapsed();
    ensure!(back == bytes, "what was compressed comes out as something else");
    println!("{} bytes, {:016x}", small.len(), fingerprint(&small));
    Ok(Outcome { run, exit: 0 })
}

/// How wide and high the picture is that oxipng makes smaller.
const SIDE: usize = 160;
/// How hard it tries, of 0 to 6.
const LEVEL: i32 = 3;

/// Makes a picture as small as a PNG gets.
pub(super) fn oxipng(engine: &Engine, module: &Module, args: &[String]) -> Result<Outcome> {
    ensure!(args.is_empty(), "this is oxipng: it takes no arguments");
    let mut oxipng = Library::new(engine, module)?;
    let side = i32::try_from(SIDE)?;
    let started = Stopwatch::start();
    let png = oxipng.transform("optimise_raw", &picture(), &[side, side, LEVEL, 0, 0], Some(1))?;
    let run = started.elapsed();
    println!("{} bytes, {:016x}", png.len(), fingerprint(&png));
    Ok(Outcome { run, exit: 0 })
}

/// Circles about the middle over a slope, a byte each of red, green, blue and opacity.
fn picture() -> Vec<u8> {
    let pixels = (0..SIDE * SIDE).map(|index| (index % SIDE, index / SIDE));
    let pixels = pixels.flat_map(|(x, y)| {
        let (from_x, from_y) = (x.abs_diff(SIDE / 2), y.abs_diff(SIDE / 2));
        let far = from_x * from_x + from_y * from_y;
        [(far / 16) as u8, (x + y) as u8, (far / 64 * 8) as u8, 255]
    });
    pixels.collect()
}

/// The number of dprint's one set of settings.
const SETTINGS: i32 = 1;

/// Formats a program.
pub(super) fn dprint(engine: &Engine, module: &Module, args: &[String]) -> Result<Outcome> {
    let [file] = args else { bail!("this is dprint: it takes one argument, a program in JavaScript or TypeScript") };
    let source = read(file)?;
    let mut dprint = Library::new(engine, module)?;
    let started = Stopwatch::start();
    send(&mut dprint, br#"{"global":{},"plugin":{}}"#)?;
    dprint.call("register_config", &[SETTINGS])?;
    send(&mut dprint, file.as_bytes())?;
    dprint.call("set_file_path", &[])?;
    send(&mut dprint, &source)?;
    let text = match dprint.call("format", &[SETTINGS])? {
        0 => source,
        1 => receive(&mut dprint, "get_formatted_text")?,
        _ => bail!("{}", String::from_utf8_lossy(&receive(&mut dprint, "get_error_text")?)),
    };
    let run = started.elapsed();
    println!("{} bytes, {:016x}", text.len(), fingerprint(&text));
    Ok(Outcome { run, exit: 0 })
}

/// Puts bytes where the formatter looks for them.
fn send(dprint: &mut Library, bytes: &[u8]) -> Result<()> {
    let start = dprint.call("clear_shared_bytes", &[i32::try_from(bytes.len())?])?;
    Ok(dprint.memory.write(&mut dprint.store, start as u32 as usize, bytes)?)
}

/// Has the formatter lay out something, and takes it.
fn receive(dprint: &mut Library, what: &str) -> Result<Vec<u8>> {
    let length = dprint.call(what, &[])?;
    let start = dprint.call("get_shared_bytes_ptr", &[])?;
    dprint.bytes(start, length).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_in_and_come_out() {
        // What comes out is what went in, but for its first byte.
        let text = r#"(module
            (memory (export "memory") 1)
            (global $stack (mut i32) (i32.const 1024))
            (func (export "__wbindgen_malloc") (param i32) (result i32) (i32.const 2048))
            (func (export "__wbindgen_free") (param i32 i32))
            (func (export "__wbindgen_add_to_stack_pointer") (param i32) (result i32)
                (global.set $stack (i32.add (global.get $stack) (local.get 0)))
                (global.get $stack))
            (func (export "cut") (param i32 i32 i32)
                (i32.store (local.get 0) (i32.add (local.get 1) (i32.const 1)))
                (i32.store offset=4 (local.get 0) (i32.sub (local.get 2) (i32.const 1)))))"#;
        let engine = Engine::default();
        let module = Module::new(&engine, text).expect("a module");
        let mut library = Library::new(&engine, &module).expect("a library");
        assert_eq!(library.transform("cut", b"abc", &[], None).expect("bytes"), b"bc");
        assert!(library.bytes(-1, 2).is_err());
    }
}
