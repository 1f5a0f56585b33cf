//! Settings as text, from `chancery.toml` and the environment, and the errors that reading them gathers.

use std::{collections::BTreeMap, fmt, path::Path, str::FromStr};

use secrecy::SecretString;

/// Every setting by its environment name. The environment wins over the file.
pub(crate) struct Source {
    values: BTreeMap<String, Value>,
    asked: Vec<&'static str>,
    errors: Vec<String>,
}

struct Value {
    text: String,
    origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    File,
    Environment,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

impl Source {
    /// Reads the file, if there is one, and lays the environment over it. In the file a setting is written in lower or
    /// upper case; lists may be arrays.
    pub(crate) fn read(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let mut source = Self {
            values: BTreeMap::new(),
            asked: Vec::new(),
            errors: Vec::new(),
        };
        match std::fs::read_to_string(file) {
            Ok(text) => source.add_file(&text, file)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(ConfigErrors(vec![format!("{}: {error}", file.display())])),
        }
        for (name, text) in environment {
            source.values.insert(
                name,
                Value {
                    text,
                    origin: Origin::Environment,
                },
            );
        }
        Ok(source)
    }

    /// The setting's text; `None` when it is not set or empty.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.asked.push(name);
        self.values
            .get(name)
            .map(|value| value.text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// Every variable of the environment, as a secret: what files of tools refer to as `${NAME}`.
    pub(crate) fn environment(&self) -> BTreeMap<String, SecretString> {
        let variables = self
            .values
            .iter()
            .filter(|(_, value)| value.origin == Origin::Environment);
        variables
            .map(|(name, value)| (name.clone(), value.text.clone().into()))
            .collect()
    }

    /// The setting, read as a `T`. What cannot be read is noted, and the default goes on.
    pub(crate) fn parse<T: FromStr>(&mut self, name: &'static str, default: T) -> T
    where
        T::Err: fmt::Display,
    {
        match self.text(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.refuse(name, &error.to_string());
                default
            }
        }
    }

    /// A number inside `range`.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let number = self.parse(name, default);
        if !range.contains(&number) {
            self.refuse(
                name,
                &format!("must be from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// `true`, `false`, `1`, `0`, `yes` or `no`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let text = self.text(name)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => {
                self.refuse(name, "must be true or false");
                None
            }
        }
    }

    /// One of two words: whether it is `other`, and not the one that also holds where nothing is set.
    pub(crate) fn is_other(&mut self, name: &'static str, default: &str, other: &str) -> bool {
        match self.text(name) {
            Some(text) if text == other => true,
            Some(text) if text != default => {
                self.refuse(name, &format!("must be {default} or {other}"));
                false
            }
            _ => false,
        }
    }

    /// A list: comma separated, or a JSON array of texts.
    pub(crate) fn list(&mut self, name: &'static str, default: &[&str]) -> Vec<String> {
        let Some(text) = self.text(name) else {
            return default.iter().map(|item| (*item).to_owned()).collect();
        };
        if text.starts_with('[') {
            return serde_json::from_str(&text).unwrap_or_else(|error| {
                self.refuse(name, &format!("is no JSON array of texts: {error}"));
                Vec::new()
            });
        }
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(ToOwned::to_owned)
            .collect()
    }

    /// Notes what is wrong with a setting.
    pub(crate) fn refuse(&mut self, name: &str, why: &str) {
        self.errors.push(format!("{name}: {why}"));
    }

    /// Ends the reading: whatever was noted, and every name in the file that nobody asked for.
    pub(crate) fn finish(mut self) -> Result<(), ConfigErrors> {
        for (name, value) in &self.values {
            if value.origin == Origin::File && !self.asked.iter().any(|asked| asked == name) {
                let nearest = self
                    .asked
                    .iter()
                    .min_by_key(|asked| strsim::levenshtein(asked, name));
                let hint = nearest.map(|near| format!("; did you mean {}?", near.to_lowercase()));
                let name = name.to_lowercase();
                self.errors.push(format!(
                    "{name}: there is no such setting{}",
                    hint.unwrap_or_default()
                ));
            }
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(self.errors))
        }
    }

    fn add_file(&mut self, text: &str, file: &Path) -> Result<(), ConfigErrors> {
        let refuse = |why: String| ConfigErrors(vec![format!("{}: {why}", file.display())]);
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| refuse(error.to_string()))?;
        for (name, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                toml::Value::Array(items) => serde_json::to_string(&items).unwrap_or_default(),
                toml::Value::Datetime(_) | toml::Value::Table(_) => {
                    return Err(refuse(format!(
                        "{name}: settings are texts, numbers, true, false or lists"
                    )));
                }
            };
            self.values.insert(
                name.to_uppercase(),
                Value {
                    text,
                    origin: Origin::File,
                },
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigErrors, Source};

    fn source(file: &str, environment: &[(&str, &str)]) -> Source {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chancery.toml");
        std::fs::write(&path, file).unwrap();
        let environment = environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Source::read(&path, environment).unwrap()
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let mut both = source("port = 1\nhost = \"file\"", &[("PORT", "2")]);
        assert_eq!(both.number("PORT", 0, 0..=9), 2);
        assert_eq!(both.text("HOST").as_deref(), Some("file"));
    }

    #[test]
    fn an_unknown_key_in_the_file_names_the_nearest_setting() {
        let mut typo = source("prot = 1", &[]);
        typo.text("PORT");
        typo.text("HOST");
        let errors = typo.finish().unwrap_err();
        assert_eq!(
            errors,
            ConfigErrors(vec![
                "prot: there is no such setting; did you mean port?".to_owned()
            ])
        );
    }

    #[test]
    fn lists_are_comma_separated_json_or_toml_arrays() {
        let mut lists = source("a = [\"x\", \"y\"]", &[("B", "x, y"), ("C", "[\"x\",\"y\"]")]);
        for name in ["A", "B", "C", "D"] {
            assert_eq!(lists.list(name, &["x", "y"]), ["x", "y"]);
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut wrong = source("", &[("PORT", "many"), ("DEBUG", "perhaps")]);
        wrong.number("PORT", 1, 0..=9);
        wrong.flag("DEBUG");
        assert_eq!(wrong.finish().unwrap_err().0.len(), 2);
    }
}
