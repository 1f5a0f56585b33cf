//! Reading JSON whose shape the other side decides: what is not there, or is of another type, is absent.

use serde_json::Value;

/// The text at `pointer` (RFC 6901).
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The text at `pointer`, unless it is empty.
pub(crate) fn filled<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    text(value, pointer).filter(|text| !text.is_empty())
}

/// The number at `pointer`; zero when it is absent.
pub(crate) fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The items at `pointer`; none when it is absent.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
