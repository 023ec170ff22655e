//! The renderer of pictures resvg, as wasm-bindgen builds it for JavaScript: renders an SVG and prints how large the
//! picture is, and a number that tells whether it is the same picture.
//!
//! Such a library hands JavaScript's objects about by their place in a list. There are few kinds that it needs here.

use super::{Outcome, Stopwatch, fingerprint};
use std::ops::Range;
use wasmtime::error::Context as _;
use wasmtime::{Caller, Engine, Extern, ExternType, Instance, Linker, Memory, Module, Result, Store, bail, format_err};

/// The objects below this are wasm-bindgen's own: undefined, null, true, false, and room for references on its stack.
const FIRST: usize = 132;

/// An object of JavaScript's.
#[derive(Clone, Debug)]
enum Object {
    Text(String),
    Bytes(Vec<u8>),
    /// All of the library's memory.
    Memory,
    /// Bytes in the library's memory.
    View(Range<usize>),
    Array(Vec<i32>),
}

/// The list of objects.
#[derive(Debug, Default)]
struct Objects {
    list: Vec<Option<Object>>,
    free: Vec<usize>,
}

impl Objects {
    fn add(&mut self, object: Object) -> i32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            self.list.len() - 1
        });
        self.list[index] = Some(object);
        (index + FIRST) as i32
    }

    fn get(&self, place: i32) -> Result<&Object> {
        let object = usize::try_from(place).ok().and_then(|place| place.checked_sub(FIRST));
        let object = object.and_then(|index| self.list.get(index)).and_then(Option::as_ref);
        object.ok_or_else(|| format_err!("the library uses object {place} after giving it back"))
    }

    fn take(&mut self, place: i32) -> Result<Object> {
        let object = self.get(place)?.clone();
        let index = place as usize - FIRST;
        self.list[index] = None;
        self.free.push(index);
        Ok(object)
    }
}

/// The library, instantiated.
struct Library {
    store: Store<Objects>,
    instance: Instance,
    memory: Memory,
}

impl Library {
    /// Calls an exported function whose first argument is a place for its result, or for an error. Returns the result.
    fn call(&mut self, name: &str, args: &[i32]) -> Result<i32> {
        let stack = self.instance.get_typed_func::<i32, i32>(&mut self.store, "__wbindgen_add_to_stack_pointer")?;
        let place = stack.call(&mut self.store, -16)?;
        let func = self.instance.get_func(&mut self.store, name);
        let func = func.ok_or_else(|| format_err!("the library does not export `{name}`"))?;
        let args: Vec<_> = std::iter::once(&place).chain(args).map(|&arg| arg.into()).collect();
        func.call(&mut self.store, &args, &mut [])?;
        let mut words = [0; 12];
        self.memory.read(&self.store, place as u32 as usize, &mut words)?;
        stack.call(&mut self.store, 16)?;
        let word = |at: usize| words[at..].first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
        match word(8) {
            0 => Ok(word(0)),
            _ => match self.store.data_mut().take(word(4))? {
                Object::Text(error) => bail!("{error}"),
                other => bail!("{other:?}"),
            },
        }
    }
}

pub(super) fn run(engine: &Engine, module: &Module, args: &[String]) -> Result<Outcome> {
    let [picture] = args else { bail!("this is resvg: it takes one argument, a picture") };
    let text = std::fs::read_to_string(picture).with_context(|| picture.clone())?;
    let mut linker = Linker::new(engine);
    link(&mut linker, module)?;
    linker.define_unknown_imports_as_traps(module)?;
    let mut store = Store::new(engine, Objects::default());
    let instance = linker.instantiate(&mut store, module)?;
    let memory = instance.get_memory(&mut store, "memory").context("the library exports no memory")?;
    let mut resvg = Library { store, instance, memory };
    let started = Stopwatch::start();
    let text = resvg.store.data_mut().add(Object::Text(text));
    let tree = resvg.call("resvg_new", &[text, 0, 0, 0])?;
    let image = resvg.call("resvg_render", &[tree])?;
    let png = resvg.call("renderedimage_asPng", &[image])?;
    let Object::Bytes(png) = resvg.store.data_mut().take(png)? else { bail!("the picture is not made of bytes") };
    let run = started.elapsed();
    println!("{} bytes, {:016x}", png.len(), fingerprint(&png));
    Ok(Outcome { run, exit: 0 })
}

/// Defines what the library imports. A name is that of what is called, between `__wbg_` or `__wbindgen_` and a number.
fn link(linker: &mut Linker<Objects>, module: &Module) -> Result<()> {
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let (space, name) = (import.module(), import.name());
        let bare = match name.strip_prefix("__wbindgen_") {
            Some(bare) => bare,
            None => name.trim_start_matches("__wbg_").rsplit_once('_').map_or(name, |(bare, _)| bare),
        };
        match (bare, ty.params().len()) {
            // An array, bytes from other bytes, and an error, by how much it takes to make one.
            ("new", 0) => linker.func_wrap(space, name, |mut caller: Caller<'_, Objects>| {
                caller.data_mut().add(Object::Array(Vec::new()))
            })?,
            ("new", 1) => linker.func_wrap(space, name, copy)?,
            ("new" | "string_new", 2) => {
                linker.func_wrap(space, name, |mut caller: Caller<'_, Objects>, start: i32, length: i32| {
                    let text = String::from_utf8_lossy(read(&mut caller, &range(start, length))?).into_owned();
                    Ok(caller.data_mut().add(Object::Text(text)))
                })?
            }
            ("memory", 0) => linker
                .func_wrap(space, name, |mut caller: Caller<'_, Objects>| caller.data_mut().add(Object::Memory))?,
            ("buffer", 1) => linker.func_wrap(space, name, |mut caller: Caller<'_, Objects>, _: i32| {
                caller.data_mut().add(Object::Memory)
            })?,
            ("newwithbyteoffsetandlength", 3) => {
                linker.func_wrap(space, name, |mut caller: Caller<'_, Objects>, _: i32, start: i32, length: i32| {
                    caller.data_mut().add(Object::View(range(start, length)))
                })?
            }
            ("object_drop_ref", 1) => {
                linker.func_wrap(space, name, |mut caller: Caller<'_, Objects>, place: i32| {
                    caller.data_mut().take(place).map(drop)
                })?
            }
            ("instanceof_Uint8Array", 1) => {
                linker.func_wrap(space, name, |caller: Caller<'_, Objects>, place: i32| {
                    Ok(i32::from(matches!(caller.data().get(place)?, Object::Bytes(_) | Object::View(_))))
                })?
            }
            ("length", 1) => linker.func_wrap(space, name, |caller: Caller<'_, Objects>, place: i32| {
                Ok(match caller.data().get(place)? {
                    Object::Bytes(bytes) => bytes.len() as i32,
                    Object::View(range) => range.len() as i32,
                    Object::Array(list) => list.len() as i32,
                    other => bail!("the length of {other:?}"),
                })
            })?,
            ("string_get", 2) => linker.func_wrap(space, name, string_get)?,
            ("throw", 2) => linker.func_wrap(
                space,
                name,
                |mut caller: Caller<'_, Objects>, start: i32, length: i32| -> Result<()> {
                    bail!("{}", String::from_utf8_lossy(read(&mut caller, &range(start, length))?))
                },
            )?,
            _ => continue,
        };
    }
    Ok(())
}

fn range(start: i32, length: i32) -> Range<usize> {
    let start = start as u32 as usize;
    start..start + length as u32 as usize
}

fn memory(caller: &mut Caller<'_, Objects>) -> Result<Memory> {
    caller.get_export("memory").and_then(Extern::into_memory).context("the library exports no memory")
}

fn read<'a>(caller: &'a mut Caller<'_, Objects>, range: &Range<usize>) -> Result<&'a [u8]> {
    let memory = memory(caller)?;
    memory.data(caller).get(range.clone()).context("bytes beyond memory")
}

/// Bytes of their own from other bytes.
fn copy(mut caller: Caller<'_, Objects>, from: i32) -> Result<i32> {
    let bytes = match caller.data().get(from)?.clone() {
        Object::View(range) => read(&mut caller, &range)?.to_vec(),
        Object::Bytes(bytes) => bytes,
        // All of memory is not copied, only seen.
        Object::Memory => {
            let size = memory(&mut caller)?.data_size(&caller);
            return Ok(caller.data_mut().add(Object::View(0..size)));
        }
        other => bail!("bytes from {other:?}"),
    };
    Ok(caller.data_mut().add(Object::Bytes(bytes)))
}

/// Puts a string into memory of the library's own, and where it is at `result`. What is no string has no place.
fn string_get(mut caller: Caller<'_, Objects>, result: i32, from: i32) -> Result<()> {
    let text = match caller.data().get(from)? {
        Object::Text(text) => Some(text.clone()),
        _ => None,
    };
    let memory = memory(&mut caller)?;
    let (start, length) = match text {
        None => (0, 0),
        Some(text) => {
            let malloc = caller.get_export("__wbindgen_malloc").and_then(Extern::into_func);
            let malloc = malloc.context("the library exports no allocator")?.typed::<(i32, i32), i32>(&caller)?;
            let length = i32::try_from(text.len())?;
            let start = malloc.call(&mut caller, (length, 1))?;
            memory.write(&mut caller, start as u32 as usize, text.as_bytes())?;
            (start, length)
        }
    };
    memory.write(&mut caller, result as u32 as usize, &start.to_le_bytes())?;
    Ok(memory.write(&mut caller, result as u32 as usize + 4, &length.to_le_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let mut objects = Objects::default();
        let first = objects.add(Object::Memory);
        assert!(matches!(objects.take(first), Ok(Object::Memory)));
        assert!(objects.get(first).is_err());
        assert_eq!(objects.add(Object::Array(Vec::new())), first);
        assert!(objects.get(0).is_err());
    }
}
