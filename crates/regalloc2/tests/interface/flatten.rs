//! Flattens an interface to a list of items with their signatures.
//!
//! Items are named as clients name them. Signatures are what rustdoc says, with types by name instead of by number, and
//! without what clients do not see: names of parameters, documentation, places.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The signature of each item.
pub(crate) type Interface = BTreeMap<String, String>;

/// Traits that clients cannot ask for.
const INVISIBLE_TRAITS: [&str; 3] =
    ["core::marker::Freeze", "core::marker::StructuralPartialEq", "core::marker::UnsafeUnpin"];

/// The interface of the first of `crates`. It may pass on items of the others, which then go for its own.
pub(crate) fn flatten(name: &str, crates: &[Value]) -> Interface {
    let mut walk = Walk { crates, interface: Interface::new(), seen: BTreeSet::new(), mentioned: BTreeSet::new() };
    let root = At { krate: 0, id: crates[0]["root"].to_string() };
    assert_eq!(walk.item(&root)["name"], name);
    walk.module(&root, "");
    // Types that no path leads to, but a public field or signature.
    while let Some(at) = walk.mentioned.pop_first() {
        let name = walk.item(&at)["name"].as_str().unwrap_or_default().to_owned();
        walk.named(&at, &name);
    }
    walk.interface
}

/// An item: in which of the crates, and its number there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    krate: usize,
    id: String,
}

struct Walk<'a> {
    crates: &'a [Value],
    interface: Interface,
    seen: BTreeSet<At>,
    mentioned: BTreeSet<At>,
}

/// An enumeration's tag, and what it tags.
fn tagged(value: &Value) -> (&str, &Value) {
    let inner = value.as_object().and_then(|map| map.iter().next());
    inner.map_or((value.as_str().unwrap_or_default(), &Value::Null), |(tag, inner)| (tag, inner))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl<'a> Walk<'a> {
    fn item(&self, at: &At) -> &'a Value {
        &self.crates[at.krate]["index"][&at.id]
    }

    fn beside(&self, at: &At, id: &Value) -> At {
        At { krate: at.krate, id: id.to_string() }
    }

    fn add(&mut self, item: String, signature: String) {
        self.interface.insert(item, signature);
    }

    fn module(&mut self, at: &At, prefix: &str) {
        for id in list(&self.item(at)["inner"]["module"]["items"]) {
            let child = self.beside(at, id);
            let item = self.item(&child);
            let (kind, inner) = tagged(&item["inner"]);
            if item["visibility"] != "public" && kind != "macro" {
                continue;
            }
            let name = if kind == "use" { &inner["name"] } else { &item["name"] };
            let path = format!("{prefix}{}", name.as_str().unwrap_or_default());
            match kind {
                "module" => self.module(&child, &format!("{path}::")),
                "use" => {
                    assert_eq!(inner["is_glob"], false, "{path}: passed on by name, or this test must learn");
                    let target = self.beside(at, &inner["id"]);
                    let target = self.resolve(&target).unwrap_or_else(|| panic!("{path} leads nowhere"));
                    self.named(&target, &path);
                }
                _ => self.named(&child, &path),
            }
        }
    }

    /// The item itself, wherever it is defined.
    fn resolve(&self, at: &At) -> Option<At> {
        if !self.item(at).is_null() {
            return Some(at.clone());
        }
        let summary = &self.crates[at.krate]["paths"][&at.id];
        let path = &summary["path"];
        self.crates.iter().enumerate().find_map(|(krate, other)| {
            let same = |(_, entry): &(&String, &Value)| entry["crate_id"] == 0 && entry["path"] == *path;
            let (id, _) = other["paths"].as_object()?.iter().find(same)?;
            (!other["index"][id].is_null()).then(|| At { krate, id: id.clone() })
        })
    }

    fn named(&mut self, at: &At, path: &str) {
        self.seen.insert(at.clone());
        self.mentioned.remove(at);
        let item = self.item(at);
        let (kind, inner) = tagged(&item["inner"]);
        let open_ended = if item["attrs"].to_string().contains("non_exhaustive") { "non_exhaustive " } else { "" };
        let this = (at, path);
        let signature = match kind {
            "function" => self.function(this, inner),
            "macro" => inner.to_string(),
            "constant" | "type_alias" => self.canonical(this, inner).to_string(),
            _ => format!("{open_ended}{kind} {}", self.canonical(this, &inner["generics"])),
        };
        self.add(path.to_owned(), signature);
        match kind {
            "struct" => {
                let (_, shape) = tagged(&inner["kind"]);
                // A client can make or match the whole of it, or only some fields.
                if shape["has_stripped_fields"] == false {
                    self.add(format!("{path} {{..}}"), "all fields are public".to_owned());
                }
                self.fields(at, path, &inner["kind"]);
            }
            "enum" => {
                for id in list(&inner["variants"]) {
                    let variant = self.beside(at, id);
                    let item = self.item(&variant);
                    let name = format!("{path}::{}", item["name"].as_str().unwrap_or_default());
                    let inner = &item["inner"]["variant"];
                    let value = &inner["discriminant"]["value"];
                    self.add(name.clone(), format!("{} {value}", tagged(&inner["kind"]).0));
                    self.fields(&variant, &name, &inner["kind"]);
                }
            }
            "trait" => {
                for id in list(&inner["items"]) {
                    self.member(&self.beside(at, id), (at, path));
                }
            }
            _ => {}
        }
        for id in list(&inner["impls"]) {
            let block = self.beside(at, id);
            self.implementation(&self.item(&block)["inner"]["impl"], (at, path));
        }
    }

    /// The public fields of a structure or variant.
    fn fields(&mut self, at: &At, path: &str, kind: &Value) {
        let (tag, shape) = tagged(kind);
        let ids = if tag == "tuple" { list(shape) } else { list(&shape["fields"]) };
        for id in ids.iter().filter(|id| !id.is_null()) {
            let field = self.item(&self.beside(at, id));
            let name = format!("{path}.{}", field["name"].as_str().unwrap_or_default());
            let signature = self.canonical((at, path), &field["inner"]["struct_field"]).to_string();
            self.add(name, signature);
        }
    }

    /// A method, constant or type that belongs to a type or trait.
    fn member(&mut self, at: &At, of: (&At, &str)) {
        let item = self.item(at);
        let (kind, inner) = tagged(&item["inner"]);
        let signature = match kind {
            "function" => self.function(of, inner),
            _ => format!("{kind} {}", self.canonical(of, inner)),
        };
        // In a trait, a client must write the ones that have no body.
        let body = if kind == "function" && inner["has_body"] == false { " required" } else { "" };
        self.add(format!("{}::{}", of.1, item["name"].as_str().unwrap_or_default()), signature + body);
    }

    fn implementation(&mut self, block: &Value, of: (&At, &str)) {
        if !block["blanket_impl"].is_null() {
            return;
        }
        if block["trait"].is_null() {
            for id in list(&block["items"]) {
                self.member(&self.beside(of.0, id), of);
            }
            return;
        }
        let what = self.canonical(of, &block["trait"]);
        let name = what["name"].as_str().unwrap_or_default();
        if INVISIBLE_TRAITS.contains(&name) {
            return;
        }
        let arguments = if what["args"].is_null() { String::new() } else { format!(" {}", what["args"]) };
        let holder = if block["for"]["borrowed_ref"].is_null() { "" } else { "&" };
        let polarity = if block["is_negative"] == true { "not " } else { "" };
        let signature = format!("{polarity}{}", self.canonical(of, &block["generics"]));
        self.add(format!("impl {name}{arguments} for {holder}{}", of.1), signature);
    }

    fn function(&mut self, of: (&At, &str), inner: &Value) -> String {
        let inputs = list(&inner["sig"]["inputs"]).iter().map(|input| self.canonical(of, &input[1]));
        let inputs: Vec<Value> = inputs.collect();
        let output = self.canonical(of, &inner["sig"]["output"]);
        let generics = self.canonical(of, &inner["generics"]);
        let header = &inner["header"];
        let constant = if header["is_const"] == true { "const " } else { "" };
        let rest = json!({ "inputs": inputs, "output": output, "generics": generics, "unsafe": header["is_unsafe"] });
        format!("{constant}{rest}")
    }

    /// What rustdoc says of a type, a bound or the like, with names instead of numbers.
    fn canonical(&mut self, of: (&At, &str), value: &Value) -> Value {
        match value {
            Value::Array(values) => values.iter().map(|value| self.canonical(of, value)).collect(),
            Value::Object(map) if map.contains_key("path") && map.contains_key("id") => {
                let mut args = self.canonical(of, &map["args"]);
                if args["angle_bracketed"]["args"] == json!([]) && args["angle_bracketed"]["constraints"] == json!([]) {
                    args = Value::Null;
                }
                json!({ "name": self.name(of.0, &map["id"]), "args": args })
            }
            Value::Object(map) if map.get("generic").is_some_and(|name| name == "Self") => {
                // Some write out the type's name instead.
                let generics = &tagged(&self.item(of.0)["inner"]).1["generics"];
                let own = self.item(of.0)["inner"].get("trait").is_none() && list(&generics["params"]).is_empty();
                let name = of.1.rsplit("::").next();
                if own { json!({ "resolved_path": { "name": name, "args": null } }) } else { value.clone() }
            }
            Value::Object(map) => {
                let map = map.iter().map(|(key, value)| (key.clone(), self.canonical(of, value)));
                Value::Object(map.collect::<Map<String, Value>>())
            }
            _ => value.clone(),
        }
    }

    /// The name of a type or trait: the last part of its path if it is of these crates, or else all of it.
    fn name(&mut self, near: &At, id: &Value) -> String {
        let at = self.beside(near, id);
        if let Some(target) = self.resolve(&at) {
            if !self.seen.contains(&target) {
                self.mentioned.insert(target.clone());
            }
            return self.item(&target)["name"].as_str().unwrap_or_default().to_owned();
        }
        let path = &self.crates[near.krate]["paths"][&at.id]["path"];
        let parts: Vec<&str> = list(path).iter().filter_map(Value::as_str).collect();
        parts.join("::")
    }
}
