//! The references that Go holds to JavaScript's values.
//!
//! In Go's memory a value is 8 bytes: a number stands for itself, and everything else is a NaN whose lower half is the
//! number of the reference and whose bits above tell Go the type. Go counts how often it was handed a reference and gives
//! all back when it no longer needs the value.

use super::value::{Fixed, Object, Value};
use std::collections::HashMap;
use std::rc::Rc;
use wasmtime::{Result, format_err};

/// The upper half of a NaN that holds a reference; the type is added to it.
const NAN: u32 = 0x7ff8_0000;
/// References below this are there from the beginning and are never given back.
const PERMANENT: usize = 7;

/// What makes two values the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Identity {
    Null,
    Bool(bool),
    String(Rc<str>),
    /// By where it lies: as long as a reference holds it, nothing else lies there.
    Object(*const Object),
}

/// The references.
pub(super) struct Refs {
    values: Vec<Option<Value>>,
    counts: Vec<u64>,
    ids: HashMap<Identity, u32>,
    free: Vec<u32>,
}

impl Refs {
    /// The references that Go takes for granted.
    pub(super) fn new() -> Self {
        let values = [
            Value::Number(f64::NAN),
            Value::Number(0.0),
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Object::Fixed(Fixed::Global).into(),
            Object::Fixed(Fixed::Go).into(),
        ];
        let ids = (0..).zip(&values).filter_map(|(id, value)| Some((identity(value)?, id))).collect();
        Self { counts: vec![0; values.len()], values: values.into_iter().map(Some).collect(), ids, free: Vec::new() }
    }

    /// The value that 8 bytes of Go's stand for.
    pub(super) fn load(&self, bits: [u8; 8]) -> Result<Value> {
        let number = f64::from_le_bytes(bits);
        if number == 0.0 {
            return Ok(Value::Undefined);
        }
        if !number.is_nan() {
            return Ok(Value::Number(number));
        }
        let [a, b, c, d, ..] = bits;
        let id = u32::from_le_bytes([a, b, c, d]);
        let value = self.values.get(id as usize).cloned().flatten();
        value.ok_or_else(|| format_err!("the program uses reference {id} after giving it back"))
    }

    /// The 8 bytes that stand for a value in Go.
    pub(super) fn store(&mut self, value: &Value) -> [u8; 8] {
        let kind = match value {
            Value::Undefined => return [0; 8],
            Value::Number(number) if *number != 0.0 && !number.is_nan() => return number.to_le_bytes(),
            Value::Number(_) | Value::Null | Value::Bool(_) => 0,
            Value::String(_) => 2,
            Value::Object(object) => match &**object {
                Object::Class(_) | Object::Callback(_) => 4,
                _ => 1,
            },
        };
        let id = match value {
            Value::Number(number) => u32::from(!number.is_nan()),
            _ => self.id(value),
        };
        self.counts[id as usize] += 1;
        (u64::from(NAN | kind) << 32 | u64::from(id)).to_le_bytes()
    }

    fn id(&mut self, value: &Value) -> u32 {
        let Some(identity) = identity(value) else { return 0 };
        if let Some(&id) = self.ids.get(&identity) {
            return id;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.values.push(None);
            self.counts.push(0);
            (self.values.len() - 1) as u32
        });
        self.values[id as usize] = Some(value.clone());
        self.counts[id as usize] = 0;
        self.ids.insert(identity, id);
        id
    }

    /// Takes back a reference as often as it was handed out once.
    pub(super) fn release(&mut self, id: u32) {
        let index = id as usize;
        if index < PERMANENT || index >= self.values.len() {
            return;
        }
        self.counts[index] = self.counts[index].saturating_sub(1);
        if self.counts[index] == 0
            && let Some(value) = self.values[index].take()
        {
            if let Some(identity) = identity(&value) {
                self.ids.remove(&identity);
            }
            self.free.push(id);
        }
    }
}

fn identity(value: &Value) -> Option<Identity> {
    match value {
        Value::Undefined | Value::Number(_) => None,
        Value::Null => Some(Identity::Null),
        Value::Bool(value) => Some(Identity::Bool(*value)),
        Value::String(text) => Some(Identity::String(text.clone())),
        Value::Object(object) => Some(Identity::Object(Rc::as_ptr(object))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_themselves() {
        let mut refs = Refs::new();
        for number in [0.0, 1.5, -3.0, f64::INFINITY] {
            let bits = refs.store(&Value::Number(number));
            assert_eq!(refs.load(bits).expect("a value").number().expect("a number"), number);
        }
        let nan = refs.store(&Value::Number(f64::NAN));
        assert!(refs.load(nan).expect("a value").number().expect("a number").is_nan());
    }

    #[test]
    fn a_reference_lasts_until_all_of_it_is_given_back() {
        let mut refs = Refs::new();
        let text = Value::from("text".to_owned());
        let first = refs.store(&text);
        assert_eq!(refs.store(&Value::from("text".to_owned())), first, "equal strings are one value");
        refs.release(7);
        assert_eq!(refs.load(first).expect("still held").text(), "text");
        refs.release(7);
        assert!(refs.load(first).is_err());
        assert_eq!(refs.store(&Value::from("other".to_owned())), first, "the number is used again");
    }
}
