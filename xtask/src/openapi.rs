//! `cargo xtask openapi`: the API's description, as the server prints it and as it is kept in `docs/openapi.json`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::{Outcome, binary, process, workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when the kept document is not the server's
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.check { check() } else { write() }
}

/// Fails when the kept document is not the server's, naming the first place where they differ.
pub(crate) fn check() -> Outcome {
    let path = kept()?;
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}; write it with `cargo xtask openapi`", path.display()))?;
    match first_difference(&serde_json::from_str(&text)?, &served()?) {
        None => Ok(()),
        Some(difference) => Err(format!(
            "docs/openapi.json is not what the server says, first at {difference}; \
             if the change is meant, run `cargo xtask openapi`"
        )
        .into()),
    }
}

fn write() -> Outcome {
    let path = kept()?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, format!("{:#}\n", served()?))?;
    println!("wrote {}", path.display());
    Ok(())
}

fn kept() -> Outcome<PathBuf> {
    Ok(workspace::root()?.join("docs").join("openapi.json"))
}

fn served() -> Outcome<Value> {
    Ok(serde_json::from_str(&process::output(
        Command::new(binary::build()?).arg("openapi"),
    )?)?)
}

/// The first place, as a JSON pointer (RFC 6901), where two documents differ, and how.
fn first_difference(kept: &Value, served: &Value) -> Option<String> {
    difference_at("", kept, served)
}

fn difference_at(place: &str, kept: &Value, served: &Value) -> Option<String> {
    match (kept, served) {
        (Value::Object(kept), Value::Object(served)) => {
            let missing = kept.keys().find(|key| !served.contains_key(*key));
            if let Some(key) = missing {
                return Some(format!("{}: only in docs/openapi.json", member(place, key)));
            }
            served.iter().find_map(|(key, value)| match kept.get(key) {
                None => Some(format!("{}: only in the server", member(place, key))),
                Some(before) => difference_at(&member(place, key), before, value),
            })
        }
        (Value::Array(kept), Value::Array(served)) if kept.len() == served.len() => kept
            .iter()
            .zip(served)
            .enumerate()
            .find_map(|(index, (before, value))| difference_at(&format!("{place}/{index}"), before, value)),
        _ if kept == served => None,
        _ => Some(format!("{place}: kept {}, served {}", brief(kept), brief(served))),
    }
}

fn member(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn brief(value: &Value) -> String {
    const LIMIT: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= LIMIT {
        text
    } else {
        text.chars().take(LIMIT).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_documents_have_no_difference_whatever_the_order_of_members() {
        let kept = serde_json::from_str(r#"{"a": 1, "b": [2]}"#).unwrap();
        let served = serde_json::from_str(r#"{"b": [2], "a": 1}"#).unwrap();
        assert_eq!(first_difference(&kept, &served), None);
    }

    #[test]
    fn the_first_difference_is_named_by_its_pointer() {
        let kept = json!({"paths": {"/api/v1/chat": {"post": {"tags": ["chat", "runs"]}}}});
        let served = json!({"paths": {"/api/v1/chat": {"post": {"tags": ["chat", "agents"]}}}});
        assert_eq!(
            first_difference(&kept, &served).unwrap(),
            r#"/paths/~1api~1v1~1chat/post/tags/1: kept "runs", served "agents""#
        );
    }

    #[test]
    fn a_member_that_one_side_lacks_is_named_with_the_side_that_has_it() {
        let (one, two) = (json!({"a": 1}), json!({"a": 1, "b": 2}));
        assert_eq!(first_difference(&one, &two).unwrap(), "/b: only in the server");
        assert_eq!(
            first_difference(&two, &one).unwrap(),
            "/b: only in docs/openapi.json"
        );
    }
}
