//! Texts that are JSON: what is escaped in it is looked at as it reads.

use serde_json::Value;

use super::{Stage, rules::StageRules, screen::Cleaned};

impl StageRules {
    /// A whole text that may be JSON. Its strings, names and numbers are screened one by one; it is written anew only if one of
    /// them changed.
    pub(crate) fn clean_json(&self, stage: Stage, text: &str) -> Cleaned {
        let whole = self.clean(stage, text);
        if whole.blocked().is_some() {
            return whole;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(text) else {
            return whole;
        };
        let mut cleaned = Cleaned::default();
        self.walk(stage, &mut value, &mut cleaned);
        if cleaned.tripped.is_empty() {
            // What only the text as a whole shows, such as its size or a match across two of its strings.
            return whole;
        }
        cleaned.text = value.to_string();
        for tripped in whole.tripped {
            if !cleaned.tripped.contains(&tripped) {
                // Some of it would be shown again by writing the parts anew.
                cleaned.text = self.clean(stage, &cleaned.text).text;
                cleaned.tripped.insert(0, tripped);
            }
        }
        cleaned
    }

    fn walk(&self, stage: Stage, value: &mut Value, cleaned: &mut Cleaned) {
        if cleaned.blocked().is_some() {
            return;
        }
        match value {
            Value::String(text) => *text = self.part(stage, text, cleaned),
            Value::Number(number) => {
                let written = number.to_string();
                let shown = self.part(stage, &written, cleaned);
                if shown != written {
                    *value = Value::String(shown);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(stage, item, cleaned)),
            Value::Object(members) => {
                for (name, mut member) in std::mem::take(members) {
                    let name = self.part(stage, &name, cleaned);
                    self.walk(stage, &mut member, cleaned);
                    members.insert(name, member);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn part(&self, stage: Stage, text: &str, cleaned: &mut Cleaned) -> String {
        let part = self.clean(stage, text);
        for tripped in part.tripped {
            if !cleaned.tripped.contains(&tripped) {
                cleaned.tripped.push(tripped);
            }
        }
        part.text
    }
}
