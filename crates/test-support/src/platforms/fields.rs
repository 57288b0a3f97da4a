//! Checks the fields of a request's body: those that are required, the types of all, and that none is unknown.

use serde_json::Value;

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    Text,
    /// Whole and positive.
    Number,
    Flag,
    Object,
    List,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A field: name, type, whether it is required.
pub type Field = (&'static str, Type, bool);

pub const REQUIRED: bool = true;
pub const OPTIONAL: bool = false;

/// Checks an object.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(object: &Value, fields: &[Field]) -> Result<(), String> {
    let Some(sent) = object.as_object() else {
        return Err("the body is not an object".to_owned());
    };
    if let Some(unknown) = sent.keys().find(|name| !fields.iter().any(|field| field.0 == *name)) {
        return Err(format!("unknown parameter '{unknown}'"));
    }
    for (name, kind, is_required) in fields {
        match sent.get(*name) {
            None | Some(Value::Null) if *is_required => return Err(format!("missing required field '{name}'")),
            None | Some(Value::Null) => {}
            Some(value) if kind.fits(value) => {}
            Some(_) => return Err(format!("'{name}' is not {kind:?}")),
        }
    }
    Ok(())
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Number => value.as_u64().is_some(),
            Self::Flag => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        }
    }
}
