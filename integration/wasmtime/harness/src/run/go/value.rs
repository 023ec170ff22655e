//! What a JavaScript value is, as far as a Go program meets any.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasmtime::{Result, bail};

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    String(Rc<str>),
    Object(Rc<Object>),
}

/// An object.
#[derive(Debug)]
pub(super) enum Object {
    /// One of those that are there from the beginning, of which only the methods matter.
    Fixed(Fixed),
    /// What makes objects of a class.
    Class(Class),
    /// An object of which only the properties matter.
    Plain(RefCell<BTreeMap<String, Value>>),
    /// A list.
    Array(Vec<Value>),
    /// A typed array of bytes.
    Bytes(RefCell<Vec<u8>>),
    /// A function of Go's, by its number.
    Callback(f64),
}

/// The objects that are there from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    Global,
    Go,
    FileSystem,
    Process,
    Path,
}

/// The classes that a Go program makes objects of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Object,
    Array,
    Bytes,
    Date,
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(Rc::new(object))
    }
}

impl Value {
    /// A typed array of these bytes.
    pub(super) fn bytes(bytes: Vec<u8>) -> Self {
        Object::Bytes(RefCell::new(bytes)).into()
    }

    /// An object with these properties.
    pub(super) fn plain(properties: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value));
        Object::Plain(RefCell::new(properties.collect())).into()
    }

    /// The element of a list; nothing where there is none.
    pub(super) fn index(&self, index: i64) -> Self {
        let Self::Object(object) = self else { return Self::Undefined };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        match &**object {
            Object::Array(list) => list.get(index).cloned().unwrap_or(Self::Undefined),
            Object::Bytes(bytes) => bytes.borrow().get(index).map_or(Self::Undefined, |&b| Self::Number(f64::from(b))),
            _ => Self::Undefined,
        }
    }

    pub(super) fn length(&self) -> Result<i64> {
        if let Self::Object(object) = self {
            match &**object {
                Object::Array(list) => return Ok(list.len() as i64),
                Object::Bytes(bytes) => return Ok(bytes.borrow().len() as i64),
                _ => {}
            }
        }
        bail!("the length of something that has none: {self:?}")
    }

    /// The value as JavaScript puts it in words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Undefined => "undefined".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::String(text) => text.to_string(),
            Self::Object(_) => "[object Object]".to_owned(),
        }
    }

    /// Reads the bytes of a typed array.
    pub(super) fn with_bytes<T>(&self, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        self.with_bytes_mut(|bytes| read(bytes))
    }

    /// Reads and writes the bytes of a typed array.
    pub(super) fn with_bytes_mut<T>(&self, write: impl FnOnce(&mut [u8]) -> Result<T>) -> Result<T> {
        if let Self::Object(object) = self
            && let Object::Bytes(bytes) = &**object
        {
            return write(&mut bytes.borrow_mut());
        }
        bail!("the bytes of something that has none: {self:?}")
    }

    /// The number, where it is one.
    pub(super) fn number(&self) -> Result<f64> {
        match self {
            Self::Number(value) => Ok(*value),
            _ => bail!("a number was expected, not {self:?}"),
        }
    }
}
