//! What Emscripten's libraries ask of the JavaScript around them, as far as an interpreter without files needs it.
//!
//! A library gets output, a growing heap, copies within it, the clock, and `longjmp`. Whatever has to do with files is refused with an
//! error code of its system, which the library takes as it would anywhere; any other import traps, and says its name.
//!
//! Where Emscripten has made names short, a file tells which short name stands for which: see [`Names`].

use super::clock::Clock;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use wasmtime::error::Context as _;
use wasmtime::{
    AsContextMut, Caller, Engine, Error, ExternType, FuncType, Instance, Linker, Memory, Module, Result, Store,
    StoreContextMut, Val, bail, ensure, format_err,
};

/// WASI's error code for a file descriptor that is not open.
const BADF: i32 = 8;
/// WASI's error code for moving about in what is no file.
const PIPE: i32 = 70;
/// The code for a file that does not exist, as Emscripten's system calls return it.
const NO_ENTRY: i32 = -44;
/// The code for a control that a file does not have.
const NO_TERMINAL: i32 = -59;
/// Bytes of a page of memory.
const PAGE: u64 = 65536;
/// Imports that answer the same whatever they are asked.
const CONSTANT: &[(&str, i32)] = &[
    ("__syscall_dup3", NO_ENTRY),
    ("__syscall_faccessat", NO_ENTRY),
    ("__syscall_fcntl64", 0),
    ("__syscall_fstat64", NO_ENTRY),
    ("__syscall_geteuid32", 0),
    ("__syscall_ioctl", NO_TERMINAL),
    ("__syscall_lstat64", NO_ENTRY),
    ("__syscall_newfstatat", NO_ENTRY),
    ("__syscall_openat", NO_ENTRY),
    ("__syscall_readlinkat", NO_ENTRY),
    ("__syscall_stat64", NO_ENTRY),
    ("__syscall_unlinkat", NO_ENTRY),
    ("_emscripten_get_now_is_monotonic", 1),
    ("emscripten_get_heap_max", 1 << 30),
    ("environ_get", 0),
    ("fd_close", 0),
    ("fd_read", BADF),
    ("fd_seek", PIPE),
    ("system", 0),
];

/// Which short names stand for which names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    /// The names of imports, by module and short name with a dot between.
    imports: BTreeMap<String, String>,
    /// The short names of exports, by name.
    exports: BTreeMap<String, String>,
}

impl Names {
    /// The names in a JSON file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(name)?;
        serde_json::from_str(&text).with_context(name)
    }

    /// The name that a module exports something under.
    pub(super) fn export<'a>(&'a self, name: &'a str) -> &'a str {
        self.exports.get(name).map_or(name, String::as_str)
    }

    fn import<'a>(&'a self, module: &str, name: &'a str) -> &'a str {
        self.imports.get(&format!("{module}.{name}")).map_or(name, String::as_str)
    }
}

/// What the library's imports work on.
#[derive(Default)]
struct Env {
    names: Names,
    /// There once the library is.
    parts: Option<(Instance, Memory)>,
    clock: Clock,
}

impl Env {
    fn parts(&self) -> Result<(Instance, Memory)> {
        self.parts.context("the library calls out before it is complete")
    }
}

/// What a `longjmp` is while it unwinds the frames between it and its target.
#[derive(Debug, thiserror::Error)]
#[error("longjmp to a frame that is gone")]
struct Longjmp;

/// A library of Emscripten's, instantiated.
pub(super) struct Library {
    store: Store<Env>,
    memory: Memory,
}

impl Library {
    /// Instantiates a library and runs its constructors.
    pub(super) fn new(engine: &Engine, module: &Module, names: Names) -> Result<Self> {
        let exports = |name: &str| module.get_export(names.export(name)).is_some();
        let starts = ["emscripten_stack_init", "__wasm_call_ctors"].into_iter().filter(|name| exports(name));
        let starts: Vec<&str> = starts.collect();
        let limits = exports("__set_stack_limits");
        let mut linker = Linker::new(engine);
        let mut store = Store::new(engine, Env { names, ..Env::default() });
        let imported = link(&mut linker, &mut store, module)?;
        linker.define_unknown_imports_as_traps(module)?;
        let instance = linker.instantiate(&mut store, module)?;
        let exported = store.data().names.export("memory").to_owned();
        let exported = instance.get_memory(&mut store, &exported);
        let memory = imported.or(exported).context("the library has no memory")?;
        store.data_mut().parts = Some((instance, memory));
        let mut library = Self { store, memory };
        for start in starts {
            library.call(start, &[])?;
        }
        if limits {
            let base = library.call("emscripten_stack_get_base", &[])?;
            let end = library.call("emscripten_stack_get_end", &[])?;
            library.call("__set_stack_limits", &[base, end])?;
        }
        Ok(library)
    }

    /// Calls an exported function of integers. What returns nothing returns 0.
    pub(super) fn call(&mut self, name: &str, args: &[i32]) -> Result<i32> {
        call(self.store.as_context_mut(), name, args)
    }

    /// Copies bytes and a zero behind them into memory of the library's own, which the caller may free.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<i32> {
        let address = self.call("malloc", &[i32::try_from(bytes.len() + 1)?])?;
        let start = address as u32 as usize;
        self.memory.write(&mut self.store, start, bytes)?;
        self.memory.write(&mut self.store, start + bytes.len(), &[0])?;
        Ok(address)
    }

    /// The bytes from an address to the next zero; none at address 0.
    pub(super) fn string(&self, address: i32) -> Result<&[u8]> {
        if address == 0 {
            return Ok(&[]);
        }
        let bytes = self.memory.data(&self.store).get(address as u32 as usize..).context("a string beyond memory")?;
        let end = bytes.iter().position(|&b| b == 0).context("a string without end")?;
        Ok(&bytes[..end])
    }

    /// The word at an address.
    pub(super) fn word(&self, address: i32) -> Result<i32> {
        let mut bytes = [0; 4];
        self.memory.read(&self.store, address as u32 as usize, &mut bytes)?;
        Ok(i32::from_le_bytes(bytes))
    }
}

/// Defines what the library imports. Returns its memory, if it imports that.
fn link(linker: &mut Linker<Env>, store: &mut Store<Env>, module: &Module) -> Result<Option<Memory>> {
    let mut memory = None;
    for import in module.imports() {
        let (space, short) = (import.module(), import.name());
        let name = store.data().names.import(space, short).to_owned();
        match import.ty() {
            ExternType::Func(ty) => link_func(linker, space, short, &name, ty)?,
            ExternType::Memory(ty) => {
                let made = Memory::new(&mut *store, ty)?;
                linker.define(&mut *store, space, short, made)?;
                memory = Some(made);
            }
            _ => {}
        }
    }
    Ok(memory)
}

/// Defines the import `space.short`, whose full name is `name`.
fn link_func(linker: &mut Linker<Env>, space: &str, short: &str, name: &str, ty: FuncType) -> Result<()> {
    if let Some(&(_, value)) = CONSTANT.iter().find(|(constant, _)| *constant == name) {
        linker.func_new(space, short, ty, move |_, _, results| {
            results.iter_mut().for_each(|result| *result = Val::I32(value));
            Ok(())
        })?;
        return Ok(());
    }
    match name {
        "fd_write" => linker.func_wrap(space, short, write)?,
        "emscripten_memcpy_big" => linker.func_wrap(space, short, copy)?,
        "emscripten_resize_heap" => linker.func_wrap(space, short, grow)?,
        "emscripten_date_now" => linker.func_wrap(space, short, |mut caller: Caller<'_, Env>| {
            caller.data_mut().clock.since_epoch().as_secs_f64() * 1e3
        })?,
        "emscripten_get_now" => linker.func_wrap(space, short, |mut caller: Caller<'_, Env>| {
            caller.data_mut().clock.passed().as_secs_f64() * 1e3
        })?,
        "clock_time_get" => {
            linker.func_wrap(space, short, |mut caller: Caller<'_, Env>, _: i32, _: i64, at: i32| {
                let now = caller.data_mut().clock.since_epoch().as_nanos() as u64;
                put(&mut caller, at, &now.to_le_bytes()).map(|()| 0_i32)
            })?
        }
        "environ_sizes_get" => {
            linker.func_wrap(space, short, |mut caller: Caller<'_, Env>, count: i32, size: i32| {
                put(&mut caller, count, &[0; 4])?;
                put(&mut caller, size, &[0; 4]).map(|()| 0_i32)
            })?
        }
        "_emscripten_throw_longjmp" => linker.func_wrap(space, short, || Err::<(), _>(Error::from(Longjmp)))?,
        invoke if invoke.starts_with("invoke_") => linker.func_new(space, short, ty, invoke_catching)?,
        _ => return Ok(()),
    };
    Ok(())
}

fn put(caller: &mut Caller<'_, Env>, address: i32, bytes: &[u8]) -> Result<()> {
    let (_, memory) = caller.data().parts()?;
    Ok(memory.write(caller, address as u32 as usize, bytes)?)
}

/// Copies so many bytes from one place to another. Returns where they are then.
fn copy(mut caller: Caller<'_, Env>, target: i32, from: i32, count: i32) -> Result<i32> {
    let (_, memory) = caller.data().parts()?;
    let data = memory.data_mut(&mut caller);
    let [to, from, count] = [target, from, count].map(|number| number as u32 as usize);
    ensure!(to.max(from) + count <= data.len(), "a copy beyond memory");
    data.copy_within(from..from + count, to);
    Ok(target)
}

/// Grows the heap to so many bytes. Says whether it did.
fn grow(mut caller: Caller<'_, Env>, bytes: i32) -> Result<i32> {
    let (_, memory) = caller.data().parts()?;
    let (has, wants) = (memory.size(&caller), u64::from(bytes as u32).div_ceil(PAGE));
    // Somewhat more than is asked for, lest a heap that grows by little grow often.
    let generous = wants.max(has + has / 5);
    let grown = [generous, wants].iter().any(|&size| memory.grow(&mut caller, size.saturating_sub(has)).is_ok());
    Ok(i32::from(grown))
}

/// Writes a list of pieces to standard output or standard error.
fn write(mut caller: Caller<'_, Env>, fd: i32, pieces: i32, count: i32, written: i32) -> Result<i32> {
    let (_, memory) = caller.data().parts()?;
    let data = memory.data(&caller);
    let word = |at: usize| -> Result<usize> {
        let bytes = data.get(at..).and_then(|rest| rest.first_chunk()).context("a write from beyond memory")?;
        Ok(u32::from_le_bytes(*bytes) as usize)
    };
    let mut all = Vec::new();
    for piece in 0..count as u32 as usize {
        let at = pieces as u32 as usize + piece * 8;
        let (start, length) = (word(at)?, word(at + 4)?);
        all.extend_from_slice(data.get(start..start + length).context("a write from beyond memory")?);
    }
    match fd {
        1 => std::io::stdout().write_all(&all)?,
        2 => std::io::stderr().write_all(&all)?,
        _ => return Ok(BADF),
    }
    put(&mut caller, written, &(all.len() as u32).to_le_bytes())?;
    Ok(0)
}

/// Calls a function of the library's table. A `longjmp` out of it ends here: the stack pointer is set back, and the
/// library is told through `setThrew` that its call came back by a jump.
fn invoke_catching(mut caller: Caller<'_, Env>, args: &[Val], results: &mut [Val]) -> Result<()> {
    let stack = call(caller.as_context_mut(), "emscripten_stack_get_current", &[])?;
    let Some((Val::I32(index), args)) = args.split_first() else { bail!("a call of nothing") };
    let (instance, _) = caller.data().parts()?;
    let table = caller.data().names.export("__indirect_function_table").to_owned();
    let table = instance.get_table(&mut caller, &table).context("the library exports no table")?;
    let entry = table.get(&mut caller, u64::from(*index as u32));
    let func = entry.as_ref().and_then(|entry| entry.as_func()).flatten().copied();
    let func = func.ok_or_else(|| format_err!("entry {index} of the table is no function"))?;
    match func.call(&mut caller, args, results) {
        Err(error) if error.is::<Longjmp>() => {
            call(caller.as_context_mut(), "stackRestore", &[stack])?;
            call(caller.as_context_mut(), "setThrew", &[1, 0])?;
            Ok(())
        }
        other => other,
    }
}

fn call(mut store: StoreContextMut<'_, Env>, name: &str, args: &[i32]) -> Result<i32> {
    let (instance, _) = store.data().parts()?;
    let short = store.data().names.export(name).to_owned();
    let func = instance.get_func(&mut store, &short);
    let func = func.ok_or_else(|| format_err!("the library does not export `{name}`"))?;
    let args: Vec<Val> = args.iter().map(|&arg| Val::I32(arg)).collect();
    let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
    func.call(&mut store, &args, &mut results).with_context(|| format!("in `{name}`"))?;
    Ok(results.first().and_then(Val::i32).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library with short names, in which a function is called that jumps out.
    const LIBRARY: &str = r#"(module
        (import "a" "a" (func $invoke (param i32)))
        (import "a" "b" (func $jump))
        (import "a" "c" (func $unknown))
        (memory (export "d") 1)
        (table (export "e") 1 funcref)
        (elem (i32.const 0) $jumper)
        (global $threw (mut i32) (i32.const 0))
        (global $free (mut i32) (i32.const 16))
        (func $jumper (call $jump))
        (func (export "emscripten_stack_get_current") (result i32) (i32.const 7))
        (func (export "stackRestore") (param i32) (global.set $threw (i32.mul (global.get $threw) (local.get 0))))
        (func (export "setThrew") (param i32 i32) (global.set $threw (i32.add (global.get $threw) (local.get 0))))
        (func (export "malloc") (param i32) (result i32)
            (global.get $free)
            (global.set $free (i32.add (global.get $free) (local.get 0))))
        (func (export "test") (result i32) (call $invoke (i32.const 0)) (global.get $threw))
        (func (export "strange") (call $unknown)))"#;

    const NAMES: &str = r#"{
        "imports": { "a.a": "invoke_v", "a.b": "_emscripten_throw_longjmp" },
        "exports": { "memory": "d", "__indirect_function_table": "e" }
    }"#;

    fn library() -> Library {
        let engine = Engine::default();
        let module = Module::new(&engine, LIBRARY).expect("a module");
        let names = serde_json::from_str(NAMES).expect("names");
        Library::new(&engine, &module, names).expect("a library")
    }

    #[test]
    fn a_jump_ends_where_it_was_called_from() {
        let mut library = library();
        assert_eq!(library.call("test", &[]).expect("a return"), 1);
        assert_eq!(library.call("test", &[]).expect("a return"), 8, "the stack pointer was given back");
    }

    #[test]
    fn strings_go_in_and_come_out() {
        let mut library = library();
        let (first, second) = (library.put(b"first").expect("room"), library.put(b"second").expect("room"));
        assert_eq!(library.string(first).expect("a string"), b"first");
        assert_eq!(library.string(second).expect("a string"), b"second");
        assert!(library.string(0).expect("nothing").is_empty());
    }

    #[test]
    fn an_unknown_import_says_its_name() {
        let error = format!("{:?}", library().call("strange", &[]).expect_err("a trap"));
        assert!(error.contains("a::c"), "{error}");
    }
}
