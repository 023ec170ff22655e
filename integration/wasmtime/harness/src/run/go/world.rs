//! The objects around a Go program: what they answer, and the events that follow.

use super::files::Files;
use super::value::{Class, Fixed, Object, Value};
use std::collections::VecDeque;
use std::rc::Rc;
use wasmtime::{Result, bail};

/// Everything that the program can reach.
pub(super) struct World {
    file_system: Value,
    process: Value,
    path: Value,
    constants: Value,
    classes: [(&'static str, Value); 4],
    files: Files,
    /// Calls of Go's functions that are due.
    events: VecDeque<Value>,
    /// The one that Go is told of when it looks.
    pending: Value,
}

impl World {
    pub(super) fn new() -> Self {
        let fixed = |object| Value::from(Object::Fixed(object));
        let class = |class| Value::from(Object::Class(class));
        Self {
            file_system: fixed(Fixed::FileSystem),
            process: fixed(Fixed::Process),
            path: fixed(Fixed::Path),
            constants: Files::constants(),
            classes: [
                ("Object", class(Class::Object)),
                ("Array", class(Class::Array)),
                ("Uint8Array", class(Class::Bytes)),
                ("Date", class(Class::Date)),
            ],
            files: Files::new(),
            events: VecDeque::new(),
            pending: Value::Null,
        }
    }

    /// Makes the next event the pending one. Says whether there is any.
    pub(super) fn next_event(&mut self) -> bool {
        match self.events.pop_front() {
            Some(event) => {
                self.pending = event;
                true
            }
            None => false,
        }
    }

    /// Makes pending the event that says that there will be no more.
    pub(super) fn raise_deadlock(&mut self) {
        self.pending = Value::plain([("id", Value::Number(0.0))]);
    }

    /// A property of an object.
    pub(super) fn get(&self, object: &Value, name: &str) -> Result<Value> {
        let Value::Object(object) = object else { bail!("property `{name}` of something that has none: {object:?}") };
        Ok(match (&**object, name) {
            (Object::Fixed(Fixed::Global), "fs") => self.file_system.clone(),
            (Object::Fixed(Fixed::Global), "process") => self.process.clone(),
            (Object::Fixed(Fixed::Global), "path") => self.path.clone(),
            (Object::Fixed(Fixed::Global), class) => {
                let found = self.classes.iter().find(|(name, _)| *name == class);
                found.map_or(Value::Undefined, |(_, class)| class.clone())
            }
            (Object::Fixed(Fixed::FileSystem), "constants") => self.constants.clone(),
            (Object::Fixed(Fixed::Process), "pid" | "ppid") => Value::Number(1.0),
            (Object::Fixed(Fixed::Go), "_pendingEvent") => self.pending.clone(),
            (Object::Plain(properties), name) => properties.borrow().get(name).cloned().unwrap_or(Value::Undefined),
            _ => Value::Undefined,
        })
    }

    pub(super) fn set(&mut self, object: &Value, name: &str, value: Value) -> Result<()> {
        let Value::Object(object) = object else { bail!("property `{name}` of something that has none: {object:?}") };
        match (&**object, name) {
            (Object::Fixed(Fixed::Go), "_pendingEvent") => self.pending = value,
            (Object::Plain(properties), name) => {
                properties.borrow_mut().insert(name.to_owned(), value);
            }
            _ => bail!("property `{name}` cannot be set"),
        }
        Ok(())
    }

    pub(super) fn call(&mut self, object: &Value, method: &str, args: &[Value]) -> Result<Value> {
        let Value::Object(receiver) = object else { bail!("method `{method}` of something that has none: {object:?}") };
        match (&**receiver, method, args) {
            (Object::Fixed(Fixed::Go), "_makeFuncWrapper", [id]) => Ok(Object::Callback(id.number()?).into()),
            (Object::Fixed(Fixed::Process), "cwd", _) => {
                Ok(Value::from(std::env::current_dir()?.to_string_lossy().into_owned()))
            }
            (Object::Fixed(Fixed::Process), "getuid" | "geteuid" | "getgid" | "getegid", _) => Ok(Value::Number(0.0)),
            (Object::Fixed(Fixed::Path), "resolve", [path]) => {
                Ok(Value::from(std::path::absolute(path.text())?.to_string_lossy().into_owned()))
            }
            (Object::Plain(_), "isDirectory", _) => self.get(object, "isDirectory"),
            (Object::Plain(_), "getTimezoneOffset", _) => Ok(Value::Number(0.0)),
            (Object::Fixed(Fixed::FileSystem), call, [args @ .., Value::Object(back)]) => {
                let Object::Callback(id) = **back else { bail!("`{call}` of the file system calls nobody back") };
                let (error, result) = match self.files.call(call, args)? {
                    Ok(result) => (Value::Null, result),
                    Err(code) => (Value::plain([("code", Value::from(code.to_owned()))]), Value::Undefined),
                };
                let args = Value::from(Object::Array(vec![error, result]));
                let event = [("id", Value::Number(id)), ("this", Value::Undefined), ("args", args)];
                self.events.push_back(Value::plain(event));
                Ok(Value::Undefined)
            }
            _ => bail!("method `{method}` is not there, of {object:?}"),
        }
    }

    /// A new object of a class.
    pub(super) fn construct(&self, class: &Value, args: &[Value]) -> Result<Value> {
        let Value::Object(class) = class else { bail!("no class: {class:?}") };
        match (&**class, args) {
            (Object::Class(Class::Bytes), [length]) => {
                // A length: arrays from arrays are never made.
                Ok(Value::bytes(vec![0; length.number()? as usize]))
            }
            (Object::Class(Class::Object | Class::Date), []) => Ok(Value::plain([])),
            (Object::Class(Class::Array), []) => Ok(Value::Object(Rc::new(Object::Array(Vec::new())))),
            _ => bail!("an object of {class:?} from {args:?}"),
        }
    }
}
