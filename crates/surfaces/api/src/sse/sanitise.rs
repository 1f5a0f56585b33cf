//! What tools were given and gave back, fit to be shown: secrets redacted, long texts cut, each with a notice.

use chancery_agents::{Action, Check, Tripped};
use serde::Serialize;
use serde_json::Value;

use crate::secret_names::is_secret_name;

/// The longest string inside of `arguments_json`, in characters.
const ARGUMENT_CHARS: usize = 4000;
/// The longest `arguments_text` and `output`, in characters.
const TEXT_CHARS: usize = 8000;

/// Tells that something was taken out, and where.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Notice {
    #[serde(rename = "type")]
    kind: NoticeKind,
    path: String,
    message: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum NoticeKind {
    Redacted,
    Truncated,
}

impl Notice {
    /// That a guardrail took something out. The path is the stage: the texts that it changed come after it.
    pub(super) fn of_guardrail(tripped: Tripped) -> Self {
        let Tripped { stage, check, action } = tripped;
        let (kind, message) = match (action, check) {
            (Action::Block, _) => (
                NoticeKind::Redacted,
                format!("The guardrail {check} held it back."),
            ),
            (Action::Redact, Check::Size) => (
                NoticeKind::Truncated,
                format!("The guardrail {check} cut the text."),
            ),
            (Action::Redact, _) => (
                NoticeKind::Redacted,
                format!("The guardrail {check} replaced a part of it."),
            ),
        };
        Self {
            kind,
            path: stage.as_str().to_owned(),
            message,
        }
    }
}

/// A call's arguments, as text and, if the text is an object, as JSON.
pub(super) fn arguments(written: &str, notices: &mut Vec<Notice>) -> (String, Option<Value>) {
    let (text, parsed) = redacted(written, "arguments_json", notices);
    let text = cut(text, TEXT_CHARS, "arguments_text", notices);
    let object = parsed.filter(Value::is_object).map(|mut object| {
        cut_strings(&mut object, "arguments_json", notices);
        object
    });
    (text, object)
}

/// What a call gave back.
pub(super) fn output(written: &str, notices: &mut Vec<Notice>) -> String {
    let (text, _) = redacted(written, "output", notices);
    cut(text, TEXT_CHARS, "output", notices)
}

/// `written` without secrets. Text that is a JSON object or list is written anew if it holds any; the rest stays as it is.
fn redacted(written: &str, path: &str, notices: &mut Vec<Notice>) -> (String, Option<Value>) {
    let Ok(mut value) = serde_json::from_str::<Value>(written) else {
        return (written.to_owned(), None);
    };
    let before = notices.len();
    redact(&mut value, path, notices);
    let text = if notices.len() > before {
        value.to_string()
    } else {
        written.to_owned()
    };
    (text, Some(value))
}

fn redact(value: &mut Value, path: &str, notices: &mut Vec<Notice>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = format!("{path}.{name}");
                if !is_secret_name(name) {
                    redact(member, &path, notices);
                } else if !member.is_null() {
                    *member = Value::from("<redacted>");
                    let message = "The value was removed because of its name.".to_owned();
                    notices.push(Notice {
                        kind: NoticeKind::Redacted,
                        path,
                        message,
                    });
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                redact(item, &format!("{path}[{index}]"), notices);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn cut_strings(value: &mut Value, path: &str, notices: &mut Vec<Notice>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                cut_strings(member, &format!("{path}.{name}"), notices);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                cut_strings(item, &format!("{path}[{index}]"), notices);
            }
        }
        Value::String(text) => *text = cut(std::mem::take(text), ARGUMENT_CHARS, path, notices),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The first `most` characters.
fn cut(mut text: String, most: usize, path: &str, notices: &mut Vec<Notice>) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        let message = format!("The text was cut to {most} characters.");
        notices.push(Notice {
            kind: NoticeKind::Truncated,
            path: path.to_owned(),
            message,
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Notice, NoticeKind, arguments, output};

    fn paths(notices: &[Notice], kind: &NoticeKind) -> Vec<String> {
        notices
            .iter()
            .filter(|notice| notice.kind == *kind)
            .map(|notice| notice.path.clone())
            .collect()
    }

    #[test]
    fn secrets_are_redacted_in_both_forms_of_the_arguments() {
        let mut notices = Vec::new();
        let written = r#"{"url":"x","auth":[{"apiKey":"hunter2"}],"max_tokens":9}"#;
        let (text, json) = arguments(written, &mut notices);
        assert!(!text.contains("hunter2"));
        assert_eq!(
            json,
            Some(json!({"url": "x", "auth": [{"apiKey": "<redacted>"}], "max_tokens": 9}))
        );
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), json);
        assert_eq!(
            paths(&notices, &NoticeKind::Redacted),
            ["arguments_json.auth[0].apiKey"]
        );
    }

    #[test]
    fn a_secret_is_redacted_whatever_its_type() {
        let (text, _) = arguments(r#"{"token":{"deep":["hunter2"]}}"#, &mut Vec::new());
        assert_eq!(text, r#"{"token":"<redacted>"}"#);
    }

    #[test]
    fn arguments_without_secrets_stay_as_they_were_written() {
        let mut notices = Vec::new();
        let written = r#"{ "b": 1.0,  "a": "x" }"#;
        assert_eq!(
            arguments(written, &mut notices),
            (written.to_owned(), Some(json!({"b": 1.0, "a": "x"})))
        );
        assert!(notices.is_empty());
    }

    #[test]
    fn arguments_that_are_no_object_have_a_text_alone() {
        for written in ["", "not json", "[1]", "\"x\""] {
            assert_eq!(arguments(written, &mut Vec::new()), (written.to_owned(), None));
        }
    }

    #[test]
    fn long_texts_are_cut_by_characters_and_say_so() {
        let mut notices = Vec::new();
        let written = json!({"note": "é".repeat(8001)}).to_string();
        let (text, json) = arguments(&written, &mut notices);
        assert_eq!(text.chars().count(), 8000);
        assert_eq!(json, Some(json!({"note": "é".repeat(4000)})));
        assert_eq!(
            paths(&notices, &NoticeKind::Truncated),
            ["arguments_text", "arguments_json.note"]
        );

        let mut notices = Vec::new();
        assert_eq!(output(&"x".repeat(8000), &mut notices).len(), 8000);
        assert!(notices.is_empty());
        assert_eq!(output(&"x".repeat(8001), &mut notices).len(), 8000);
        assert_eq!(paths(&notices, &NoticeKind::Truncated), ["output"]);
    }

    #[test]
    fn output_that_is_json_is_searched_for_secrets_too() {
        let mut notices = Vec::new();
        let shown = output(r#"[{"password": "hunter2", "user": "ada"}]"#, &mut notices);
        assert_eq!(
            serde_json::from_str::<Value>(&shown).unwrap(),
            json!([{"password": "<redacted>", "user": "ada"}])
        );
        assert_eq!(paths(&notices, &NoticeKind::Redacted), ["output[0].password"]);
    }
}
