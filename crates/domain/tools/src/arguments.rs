//! Reads the arguments that a model wrote, against a tool's schema.

use serde_json::{Map, Value};

use crate::{ToolError, ToolLimits};

/// How deep arguments may be nested, the outermost object counted.
pub const MAX_ARGUMENT_DEPTH: usize = 32;

/// Reads `text` as the arguments object that `schema` describes. No text at all is an empty object: models that call a
/// tool without parameters write either.
///
/// Of JSON Schema it knows what tools here use: `type`, `properties`, `required`, `additionalProperties: false`, `items`,
/// `enum`. The text of a refusal is written for the model.
///
/// # Errors
/// [`ToolError::InvalidArguments`], also for more than [`ToolLimits::argument_bytes`] or [`MAX_ARGUMENT_DEPTH`].
pub fn check_arguments(schema: &Value, text: &str) -> Result<Map<String, Value>, ToolError> {
    let limit = ToolLimits::default().argument_bytes;
    if text.len() > limit {
        return refuse(format!("more than {limit} bytes"));
    }
    let written = if text.trim().is_empty() { "{}" } else { text };
    let Ok(value) = serde_json::from_str::<Value>(written) else {
        return refuse("not JSON");
    };
    if is_deeper(&value, MAX_ARGUMENT_DEPTH) {
        return refuse(format!("nested more than {MAX_ARGUMENT_DEPTH} deep"));
    }
    check(schema, &value, "").or_else(refuse)?;
    if let Value::Object(members) = value {
        Ok(members)
    } else {
        refuse("must be an object")
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, ToolError> {
    Err(ToolError::InvalidArguments(why.into()))
}

/// Whether `value` has more than `levels` levels of objects and arrays. Parsing has bounded the recursion.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let inside: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return false,
    };
    match levels.checked_sub(1) {
        None => true,
        Some(left) => inside.into_iter().any(|value| is_deeper(value, left)),
    }
}

/// `place` is a dotted path for the message; empty for the arguments themselves.
fn check(schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(wanted) = schema.get("type")
        && !is_of(wanted, value)
    {
        return Err(format!("{} must be of type {wanted}", named(place)));
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        let choices = Value::Array(choices.clone());
        return Err(format!("{} must be one of {choices}", named(place)));
    }
    if let Some(members) = value.as_object() {
        check_members(schema, members, place)?;
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (index, value) in values.iter().enumerate() {
            check(items, value, &format!("{place}[{index}]"))?;
        }
    }
    Ok(())
}

fn check_members(schema: &Value, members: &Map<String, Value>, place: &str) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            return Err(format!("{} is missing", named(&inside(place, name))));
        }
    }
    let declared = schema.get("properties").and_then(Value::as_object);
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in members {
        match declared.and_then(|declared| declared.get(name)) {
            Some(schema) => check(schema, value, &inside(place, name))?,
            None if closed => {
                let short: String = name.chars().take(64).collect();
                return Err(format!("there is no member `{}`", inside(place, &short)));
            }
            None => {}
        }
    }
    Ok(())
}

fn inside(place: &str, name: &str) -> String {
    if place.is_empty() {
        name.to_owned()
    } else {
        format!("{place}.{name}")
    }
}

fn named(place: &str) -> String {
    if place.is_empty() {
        "the arguments".to_owned()
    } else {
        format!("`{place}`")
    }
}

/// `wanted` is the name of a type, or an array of names.
fn is_of(wanted: &Value, value: &Value) -> bool {
    match wanted {
        Value::String(name) => match name.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            // JSON Schema counts 1.0 as an integer.
            "integer" => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            "null" => value.is_null(),
            _ => false,
        },
        Value::Array(names) => names.iter().any(|name| is_of(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check_arguments;
    use crate::ToolError;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "limit": {"type": "integer"},
                "topic": {"type": "string", "enum": ["general", "news"]},
                "tags": {"type": "array", "items": {"type": "string"}},
                "range": {"type": "object", "properties": {"from": {"type": ["string", "null"]}}, "required": ["from"]},
            },
            "required": ["query"],
            "additionalProperties": false,
        })
    }

    fn refusal(text: &str) -> String {
        match check_arguments(&schema(), text) {
            Err(ToolError::InvalidArguments(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_that_fit_are_read() {
        let text = r#"{"query":"a","limit":3,"topic":"news","tags":["x"],"range":{"from":null,"more":1}}"#;
        let read = check_arguments(&schema(), text).unwrap();
        assert_eq!(Value::Object(read), serde_json::from_str::<Value>(text).unwrap());
        assert!(
            check_arguments(&json!({"type": "object"}), " ")
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn each_misfit_is_named() {
        for (text, why) in [
            ("{", "not JSON"),
            ("[]", "the arguments must be of type \"object\""),
            ("{}", "`query` is missing"),
            (r#"{"query":1}"#, "`query` must be of type \"string\""),
            (
                r#"{"query":"a","limit":1.5}"#,
                "`limit` must be of type \"integer\"",
            ),
            (
                r#"{"query":"a","limit":"1"}"#,
                "`limit` must be of type \"integer\"",
            ),
            (
                r#"{"query":"a","topic":"x"}"#,
                r#"`topic` must be one of ["general","news"]"#,
            ),
            (
                r#"{"query":"a","tags":["x",1]}"#,
                "`tags[1]` must be of type \"string\"",
            ),
            (r#"{"query":"a","range":{}}"#, "`range.from` is missing"),
            (r#"{"query":"a","tenant":"b"}"#, "there is no member `tenant`"),
        ] {
            assert_eq!(refusal(text), why, "{text}");
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let fits = format!(r#"{{"query":"{}"}}"#, "a".repeat(16 * 1024 - 12));
        assert_eq!(fits.len(), 16 * 1024);
        assert!(check_arguments(&schema(), &fits).is_ok());
        assert_eq!(refusal(&format!("{fits} ")), "more than 16384 bytes");

        let open = json!({"type": "object"});
        let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(check_arguments(&open, &nested(32)).is_ok());
        assert!(check_arguments(&open, &nested(33)).is_err());
        assert!(check_arguments(&open, &nested(5000)).is_err());
    }
}
