//! From bytes to a wire type, or one violation that says where and what.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};

use crate::problem::{Violation, Violations, scalar_input};

/// How deep lists and objects may be nested.
const DEPTH: usize = 32;

/// Parses `bytes`, all of them, as one JSON value of the shape of `T`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Violations> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| not_json(error.valid_up_to(), "the text is not UTF-8"))?;
    if text.trim().is_empty() {
        return Err(Violation::new("body", "missing", "Field required").into());
    }
    if let Some(offset) = too_deep(bytes) {
        return Err(not_json(offset, "lists and objects are nested more than 32 deep"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| explain(error.path(), error.inner(), text))?;
    json.end().map_err(|error| malformed(&error, text))?;
    Ok(parsed)
}

/// Where the nesting passes [`DEPTH`], if it does. Brackets inside of strings do not count.
fn too_deep(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (offset, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return Some(offset);
        }
    }
    None
}

fn explain(path: &Path, error: &serde_json::Error, text: &str) -> Violations {
    if error.is_data() {
        mismatch(path, error, text).into()
    } else {
        malformed(error, text)
    }
}

fn malformed(error: &serde_json::Error, text: &str) -> Violations {
    let full = error.to_string();
    let what = full
        .rsplit_once(" at line ")
        .map_or(full.as_str(), |(what, _)| what);
    let offset = if error.is_eof() {
        text.len()
    } else {
        offset_of(error, text)
    };
    not_json(offset, what)
}

/// In bytes from the start; serde counts lines and columns from 1.
fn offset_of(error: &serde_json::Error, text: &str) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1)
}

fn not_json(offset: usize, what: &str) -> Violations {
    let violation = Violation::new("body", "json_invalid", "JSON decode error").at(offset);
    violation
        .input(Some(json!({})))
        .ctx(json!({"error": what}))
        .into()
}

/// The JSON is well-formed and of another shape. Serde says so in a sentence that may quote the input, so it is read and
/// never shown.
fn mismatch(path: &Path, error: &serde_json::Error, text: &str) -> Violation {
    let full = error.to_string();
    let sentence = full
        .rsplit_once(" at line ")
        .map_or(full.as_str(), |(sentence, _)| sentence);
    let violation = |kind: &'static str, msg: String| located(Violation::new("body", kind, msg), path);
    if let Some(name) = quoted_after(sentence, "missing field `") {
        return violation("missing", "Field required".to_owned()).at(name);
    }
    if let Some(name) = quoted_after(sentence, "duplicate field `") {
        return violation("value_error", "Value error, the member occurs twice".to_owned()).at(name);
    }
    let expected = sentence.rsplit_once(", expected ").map(|(_, expected)| expected);
    let (kind, msg) = if sentence.starts_with("invalid type: ") {
        wrong_type(expected.unwrap_or_default())
    } else if sentence.starts_with("unknown variant ") {
        ("enum", "Input should be one of the known values".to_owned())
    } else if sentence.starts_with("invalid value: ") || sentence.starts_with("invalid length ") {
        (
            "value_error",
            "Value error, the value is out of bounds".to_owned(),
        )
    } else {
        // A sentence of our own types, which quote no input.
        ("value_error", format!("Value error, {sentence}"))
    };
    violation(kind, msg).input(shown(path, text))
}

fn wrong_type(expected: &str) -> (&'static str, String) {
    let (kind, noun) = match expected {
        "a string" | "a borrowed string" => ("string_type", "string"),
        "a boolean" => ("bool_type", "boolean"),
        "f32" | "f64" => ("float_type", "number"),
        "a map" => ("dict_type", "dictionary"),
        number if is_integer(number) => ("int_type", "integer"),
        list if list.starts_with("a sequence") => ("list_type", "list"),
        object if object.starts_with("struct ") => ("model_attributes_type", "dictionary or object"),
        _ => {
            return (
                "value_error",
                "Value error, the value is of another type".to_owned(),
            );
        }
    };
    (kind, format!("Input should be a valid {noun}"))
}

fn is_integer(expected: &str) -> bool {
    let width = expected.strip_prefix(['u', 'i']);
    width.is_some_and(|width| ["8", "16", "32", "64", "128", "size"].contains(&width))
}

fn quoted_after<'t>(sentence: &'t str, opening: &str) -> Option<&'t str> {
    sentence.strip_prefix(opening)?.strip_suffix('`')
}

fn located(violation: Violation, path: &Path) -> Violation {
    path.iter().fold(violation, |violation, segment| match segment {
        Segment::Seq { index } => violation.at(*index),
        Segment::Map { key } => violation.at(key.as_str()),
        Segment::Enum { variant } => violation.at(variant.as_str()),
        Segment::Unknown => violation,
    })
}

/// What stands at `path`, if it may be shown.
fn shown(path: &Path, text: &str) -> Option<Value> {
    let root: Value = serde_json::from_str(text).ok()?;
    let mut place = &root;
    for segment in path {
        place = match segment {
            Segment::Seq { index } => place.get(*index)?,
            Segment::Map { key } => place.get(key)?,
            Segment::Enum { .. } | Segment::Unknown => return None,
        };
    }
    let names = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
    });
    scalar_input(names, place)
}
