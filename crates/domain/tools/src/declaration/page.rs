//! One file while it is read: its faults, and where they stand.

use std::{collections::BTreeMap, ops::Range};

use chancery_access::Scope;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use toml::Spanned;
use url::Url;

use super::ToolFault;

/// Where `${NAME}` in a header or a variable of a process is looked up.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<SecretString>;

/// Texts by name, as written, each with its place.
pub(super) type Written = BTreeMap<String, Spanned<String>>;

/// What a client of HTTP says itself.
const OWN_HEADERS: [&str; 5] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "content-type",
];
const LONGEST_TEXT: usize = 1024;

pub(super) struct Page<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) faults: Vec<ToolFault>,
}

impl Page<'_> {
    /// The file as a `T`. The reader's own message names the key.
    pub(super) fn parse<T: DeserializeOwned>(&mut self) -> Option<T> {
        match toml::from_str(self.text) {
            Ok(read) => Some(read),
            Err(error) => {
                let message = error.message().to_owned();
                let remedy = if message.starts_with("missing field") {
                    "add it"
                } else if message.starts_with("unknown field") {
                    "remove it or correct its name"
                } else {
                    "correct it"
                };
                self.fault(error.span().unwrap_or_default(), "", message, remedy);
                None
            }
        }
    }

    pub(super) fn fault(
        &mut self,
        span: Range<usize>,
        key: &'static str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let before = self.text.get(..span.start).unwrap_or_default();
        self.faults.push(ToolFault {
            file: self.file.to_owned(),
            line: 1 + before.matches('\n').count(),
            key,
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// A name of `[a-z0-9_]` and at most `longest` characters.
    pub(super) fn name(&mut self, key: &'static str, written: &Spanned<String>, longest: usize) -> String {
        let name = written.get_ref();
        let fits = (1..=longest).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !fits {
            let problem = format!("{name:?} is not a name");
            self.fault(
                written.span(),
                key,
                problem,
                format!("use 1 to {longest} of a-z, 0-9 and _"),
            );
        }
        name.clone()
    }

    /// A text that says something.
    pub(super) fn line(&mut self, key: &'static str, written: &Spanned<String>) -> String {
        let text = written.get_ref().trim();
        if text.is_empty() {
            self.fault(written.span(), key, "is empty", "write something");
        } else if text.len() > LONGEST_TEXT {
            let problem = format!("has {} bytes", text.len());
            self.fault(
                written.span(),
                key,
                problem,
                format!("use at most {LONGEST_TEXT}"),
            );
        }
        text.to_owned()
    }

    pub(super) fn scope(&mut self, written: Option<&Spanned<String>>) -> Option<Scope> {
        let written = written?;
        let scope = Scope::parse(written.get_ref());
        if let Err(error) = &scope {
            self.fault(
                written.span(),
                "scope",
                error.to_string(),
                "correct it or remove it",
            );
        }
        scope.ok()
    }

    /// A number within bounds.
    pub(super) fn number(&mut self, key: &'static str, written: &Spanned<u64>, bounds: Range<u64>) -> u64 {
        let number = *written.get_ref();
        if !bounds.contains(&number) {
            let (least, most) = (bounds.start, bounds.end.saturating_sub(1));
            let remedy = format!("use {least} to {most}");
            self.fault(written.span(), key, format!("is {number}"), remedy);
        }
        number
    }

    /// The address of something that answers HTTP. Its host is the operator's choice alone.
    pub(super) fn address(&mut self, key: &'static str, span: Range<usize>, text: &str) -> Option<Url> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match url {
            Some(url) if url.username().is_empty() && url.password().is_none() => Some(url),
            Some(_) => {
                let remedy = "put it into a header, as \"Bearer ${NAME}\"";
                self.fault(span, key, "holds a name or a password", remedy);
                None
            }
            None => {
                let remedy = "write one such as \"https://api.example.org/v1\"";
                self.fault(span, key, "is no http or https address", remedy);
                None
            }
        }
    }

    /// Headers, `${NAME}` in their values replaced.
    pub(super) fn headers(
        &mut self,
        written: &Written,
        variables: Variables<'_>,
    ) -> BTreeMap<String, SecretString> {
        for (name, value) in written {
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(is_token) {
                let problem = format!("{name:?} is no name of a header");
                self.fault(value.span(), "headers", problem, "see RFC 9110 section 5.1");
            }
            if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                let problem = format!("{name} is set by the client itself");
                self.fault(value.span(), "headers", problem, "remove it");
            }
            if !value.get_ref().bytes().all(|b| (b' '..=b'~').contains(&b)) {
                let problem = format!("the value of {name} is not printable ASCII");
                self.fault(value.span(), "headers", problem, "correct it");
            }
        }
        self.expanded("headers", written, variables)
    }

    /// Texts with `${NAME}` replaced.
    pub(super) fn expanded(
        &mut self,
        key: &'static str,
        written: &Written,
        variables: Variables<'_>,
    ) -> BTreeMap<String, SecretString> {
        let mut expanded = BTreeMap::new();
        for (name, value) in written {
            match expand(value.get_ref(), variables) {
                Ok(text) => {
                    expanded.insert(name.clone(), text);
                }
                Err(missing) => {
                    let problem = format!("the variable {missing} is not set");
                    self.fault(value.span(), key, problem, "set it in the environment");
                }
            }
        }
        expanded
    }
}

/// `text` with every `${NAME}` replaced; else the name that is not set.
fn expand(text: &str, variables: Variables<'_>) -> Result<SecretString, String> {
    use secrecy::ExposeSecret;

    let (mut expanded, mut left) = (String::new(), text);
    while let Some((before, rest)) = left.split_once("${") {
        let Some((name, after)) = rest.split_once('}') else {
            break;
        };
        let value = variables(name).ok_or_else(|| name.to_owned())?;
        expanded.push_str(before);
        expanded.push_str(value.expose_secret());
        left = after;
    }
    expanded.push_str(left);
    Ok(expanded.into())
}
