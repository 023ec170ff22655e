//! Programs that the Go compiler made for JavaScript (`GOOS=js`), such as esbuild.
//!
//! Such a program believes to be in a JavaScript engine: it holds references to objects, reads their properties, and calls
//! their methods. What it does so comes down to files, the clock and output; [`world`] answers as Node would for these,
//! and [`refs`] keeps the references. As in Node, a call that takes time comes back later through an event: Go runs until
//! all of its goroutines wait, returns, and is resumed with the next event.
//!
//! Every import takes one number, Go's stack pointer; arguments and results lie above it in memory.

mod files;
mod refs;
mod value;
mod world;

use super::clock::Clock;
use super::{Outcome, Stopwatch};
use refs::Refs;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;
use value::Value;
use wasmtime::error::Context as _;
use wasmtime::{Caller, Engine, Extern, Linker, Memory, Module, Result, Store, TypedFunc, bail};
use world::World;

/// Where the strings of the command line begin; Go leaves this room free.
const ARGS_START: usize = 4096;
/// Where they must have ended.
const ARGS_END: usize = 4096 + 8192;

/// What a program's end is while it unwinds its frames.
#[derive(Debug, thiserror::Error)]
#[error("the program ends with code {0}")]
struct Exit(i32);

/// What the program's imports work on.
struct State {
    refs: Refs,
    world: World,
    /// The timers that run, and when each ends.
    timers: BTreeMap<i32, Duration>,
    next_timer: i32,
    clock: Clock,
    /// Where the sequence of random numbers stands. It begins the same in every run.
    random: u64,
}

pub(super) fn run(engine: &Engine, module: &Module, name: &str, args: &[String]) -> Result<Outcome> {
    let mut linker = Linker::new(engine);
    link(&mut linker)?;
    linker.define_unknown_imports_as_traps(module)?;
    let state = State {
        refs: Refs::new(),
        world: World::new(),
        timers: BTreeMap::new(),
        next_timer: 1,
        clock: Clock::default(),
        random: 0x9e37_79b9_7f4a_7c15,
    };
    let mut store = Store::new(engine, state);
    let instance = linker.instantiate(&mut store, module)?;
    let memory = instance.get_memory(&mut store, "mem").context("the program exports no memory")?;
    let (argc, argv) = put_args(&memory, &mut store, name, args)?;
    let main = instance.get_typed_func::<(i32, i32), ()>(&mut store, "run")?;
    let resume = instance.get_typed_func::<(), ()>(&mut store, "resume")?;
    let started = Stopwatch::start();
    let end = match main.call(&mut store, (argc, argv)) {
        Ok(()) => turn_events(&mut store, &resume),
        Err(error) => Err(error),
    };
    let run = started.elapsed();
    match end {
        Ok(()) => bail!("all goroutines wait for something that nothing will bring"),
        Err(error) => match error.downcast_ref::<Exit>() {
            Some(&Exit(code)) => Ok(Outcome { run, exit: code.clamp(0, 255) as u8 }),
            None => Err(error),
        },
    }
}

/// Resumes the program with one event after the other, until it ends, which is an error here, or nothing is left.
fn turn_events(store: &mut Store<State>, resume: &TypedFunc<(), ()>) -> Result<()> {
    loop {
        if !store.data_mut().world.next_event() {
            let Some(&next) = store.data().timers.values().min() else { break };
            store.data_mut().clock.wait_until(next);
        }
        resume.call(&mut *store, ())?;
    }
    // Event 0 has Go say which goroutines wait, and end.
    store.data_mut().world.raise_deadlock();
    resume.call(store, ())
}

/// Lays out the command line in memory, without an environment. Returns the count of arguments and where they are.
fn put_args(memory: &Memory, store: &mut Store<State>, name: &str, args: &[String]) -> Result<(i32, i32)> {
    let mut bytes = Vec::new();
    let mut pointers: Vec<u64> = Vec::new();
    for text in std::iter::once(name).chain(args.iter().map(String::as_str)) {
        pointers.push((ARGS_START + bytes.len()) as u64);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let (argc, argv) = (pointers.len(), ARGS_START + bytes.len());
    // Zeros end the arguments, and the environment.
    pointers.extend([0, 0]);
    bytes.extend(pointers.iter().flat_map(|pointer| pointer.to_le_bytes()));
    if ARGS_START + bytes.len() > ARGS_END {
        bail!("the command line is longer than a Go program has room for");
    }
    memory.write(store, ARGS_START, &bytes)?;
    Ok((i32::try_from(argc)?, i32::try_from(argv)?))
}

/// The frame of one import: arguments are read from it and results written to it, at offsets from the stack pointer.
struct Frame<'a> {
    data: &'a mut [u8],
    state: &'a mut State,
    stack: usize,
}

impl Frame<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        Ok(*self.data.get(at..).and_then(|rest| rest.first_chunk()).context("an argument beyond memory")?)
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let place = self.data.get_mut(at..at + bytes.len()).context("a result beyond memory")?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn i64(&self, offset: usize) -> Result<i64> {
        Ok(i64::from_le_bytes(self.bytes(self.stack + offset)?))
    }

    fn i32(&self, offset: usize) -> Result<i32> {
        Ok(i32::from_le_bytes(self.bytes(self.stack + offset)?))
    }

    fn set_i64(&mut self, offset: usize, value: i64) -> Result<()> {
        self.put(self.stack + offset, &value.to_le_bytes())
    }

    fn set_i32(&mut self, offset: usize, value: i32) -> Result<()> {
        self.put(self.stack + offset, &value.to_le_bytes())
    }

    fn set_bool(&mut self, offset: usize, value: bool) -> Result<()> {
        self.put(self.stack + offset, &[u8::from(value)])
    }

    /// Where the slice at an offset lies.
    fn range(&self, offset: usize) -> Result<std::ops::Range<usize>> {
        let (start, length) = (usize::try_from(self.i64(offset)?)?, usize::try_from(self.i64(offset + 8)?)?);
        let end = start.checked_add(length).filter(|&end| end <= self.data.len());
        Ok(start..end.context("a slice beyond memory")?)
    }

    fn slice(&self, offset: usize) -> Result<&[u8]> {
        Ok(&self.data[self.range(offset)?])
    }

    fn slice_mut(&mut self, offset: usize) -> Result<&mut [u8]> {
        let range = self.range(offset)?;
        Ok(&mut self.data[range])
    }

    fn string(&self, offset: usize) -> Result<String> {
        Ok(String::from_utf8_lossy(self.slice(offset)?).into_owned())
    }

    fn value(&self, offset: usize) -> Result<Value> {
        self.state.refs.load(self.bytes(self.stack + offset)?)
    }

    fn values(&self, offset: usize) -> Result<Vec<Value>> {
        let (start, count) = (usize::try_from(self.i64(offset)?)?, usize::try_from(self.i64(offset + 8)?)?);
        (0..count).map(|index| self.state.refs.load(self.bytes(start + 8 * index)?)).collect()
    }

    fn set_value(&mut self, offset: usize, value: &Value) -> Result<()> {
        let bits = self.state.refs.store(value);
        self.put(self.stack + offset, &bits)
    }
}

/// Defines an import whose work is `work`.
fn define(linker: &mut Linker<State>, name: &str, work: fn(Frame<'_>) -> Result<()>) -> Result<()> {
    linker.func_wrap("gojs", name, move |mut caller: Caller<'_, State>, stack: i32| {
        let memory = caller.get_export("mem").and_then(Extern::into_memory);
        let (data, state) = memory.context("the program exports no memory")?.data_and_store_mut(&mut caller);
        work(Frame { data, state, stack: stack as u32 as usize })
    })?;
    Ok(())
}

fn link(linker: &mut Linker<State>) -> Result<()> {
    link_runtime(linker)?;
    define(linker, "syscall/js.finalizeRef", |frame| {
        let id = frame.i32(8)? as u32;
        frame.state.refs.release(id);
        Ok(())
    })?;
    define(linker, "syscall/js.stringVal", |mut frame| {
        let text = frame.string(8)?;
        frame.set_value(24, &Value::from(text))
    })?;
    define(linker, "syscall/js.valueGet", |mut frame| {
        let found = frame.state.world.get(&frame.value(8)?, &frame.string(16)?)?;
        frame.set_value(32, &found)
    })?;
    define(linker, "syscall/js.valueSet", |frame| {
        let (object, name, value) = (frame.value(8)?, frame.string(16)?, frame.value(32)?);
        frame.state.world.set(&object, &name, value)
    })?;
    define(linker, "syscall/js.valueIndex", |mut frame| {
        let found = frame.value(8)?.index(frame.i64(16)?);
        frame.set_value(24, &found)
    })?;
    define(linker, "syscall/js.valueLength", |mut frame| {
        let length = frame.value(8)?.length()?;
        frame.set_i64(16, length)
    })?;
    define(linker, "syscall/js.valueCall", |mut frame| {
        let (object, method, args) = (frame.value(8)?, frame.string(16)?, frame.values(32)?);
        let result = frame.state.world.call(&object, &method, &args)?;
        frame.set_value(56, &result)?;
        frame.set_bool(64, true)
    })?;
    define(linker, "syscall/js.valueNew", |mut frame| {
        let (class, args) = (frame.value(8)?, frame.values(16)?);
        let result = frame.state.world.construct(&class, &args)?;
        frame.set_value(40, &result)?;
        frame.set_bool(48, true)
    })?;
    define(linker, "syscall/js.valuePrepareString", |mut frame| {
        let text = frame.value(8)?.text();
        let length = text.len() as i64;
        frame.set_value(16, &Value::bytes(text.into_bytes()))?;
        frame.set_i64(24, length)
    })?;
    define(linker, "syscall/js.valueLoadString", |mut frame| {
        let text = frame.value(8)?;
        text.with_bytes(|text| {
            frame.slice_mut(16)?.copy_from_slice(text);
            Ok(())
        })
    })?;
    define(linker, "syscall/js.copyBytesToGo", |mut frame| {
        let from = frame.value(32)?;
        let count = from.with_bytes(|from| {
            let to = frame.slice_mut(8)?;
            let count = from.len().min(to.len());
            to[..count].copy_from_slice(&from[..count]);
            Ok(count)
        })?;
        frame.set_i64(40, count as i64)?;
        frame.set_bool(48, true)
    })?;
    define(linker, "syscall/js.copyBytesToJS", |mut frame| {
        let to = frame.value(8)?;
        let count = to.with_bytes_mut(|to| {
            let from = frame.slice(16)?;
            let count = from.len().min(to.len());
            to[..count].copy_from_slice(&from[..count]);
            Ok(count)
        })?;
        frame.set_i64(40, count as i64)?;
        frame.set_bool(48, true)
    })
}

/// The imports that have nothing to do with objects.
fn link_runtime(linker: &mut Linker<State>) -> Result<()> {
    define(linker, "runtime.wasmExit", |frame| Err(Exit(frame.i32(8)?).into()))?;
    define(linker, "runtime.wasmWrite", |frame| {
        let (fd, start, length) = (frame.i64(8)?, usize::try_from(frame.i64(16)?)?, frame.i32(24)? as u32 as usize);
        let bytes = frame.data.get(start..start + length).context("a write from beyond memory")?;
        match fd {
            1 => std::io::stdout().write_all(bytes)?,
            _ => std::io::stderr().write_all(bytes)?,
        }
        Ok(())
    })?;
    // Nothing of memory is kept from one import to the next, so nothing has to be renewed when it grows.
    define(linker, "runtime.resetMemoryDataView", |_| Ok(()))?;
    define(linker, "runtime.nanotime1", |mut frame| {
        let now = frame.state.clock.passed().as_nanos() as i64;
        frame.set_i64(8, now)
    })?;
    define(linker, "runtime.walltime", |mut frame| {
        let now = frame.state.clock.since_epoch();
        frame.set_i64(8, now.as_secs() as i64)?;
        frame.set_i32(16, now.subsec_nanos() as i32)
    })?;
    define(linker, "runtime.scheduleTimeoutEvent", |mut frame| {
        let delay = Duration::from_millis(u64::try_from(frame.i64(8)?).unwrap_or(0));
        let id = frame.state.next_timer;
        frame.state.next_timer += 1;
        let end = frame.state.clock.passed() + delay;
        frame.state.timers.insert(id, end);
        frame.set_i32(16, id)
    })?;
    define(linker, "runtime.clearTimeoutEvent", |frame| {
        let id = frame.i32(8)?;
        frame.state.timers.remove(&id);
        Ok(())
    })?;
    define(linker, "runtime.getRandomData", |mut frame| {
        let mut random = frame.state.random;
        for byte in frame.slice_mut(8)? {
            // xorshift64
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *byte = (random >> 32) as u8;
        }
        frame.state.random = random;
        Ok(())
    })
}
