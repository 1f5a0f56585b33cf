//! The last wall before the log: what looks like a secret is replaced, whoever wrote it there.

use std::{
    borrow::Cow,
    io::{self, Write},
};

const REPLACEMENT: &str = "[redacted]";

/// A writer that replaces JWTs, bearer credentials and passwords in URLs. The log writes a line at a time, so no secret is
/// cut in two.
pub(crate) struct Scrubbed<W> {
    inner: W,
}

impl<W: Write> Scrubbed<W> {
    /// Writes scrubbed lines to `inner`.
    pub(crate) fn new(inner: W) -> Self {
        Self { inner }
    }
}

impl<W: Write> Write for Scrubbed<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.inner.write_all(scrub(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The text without what looks like a secret.
fn scrub(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    let suspicious = text.contains("eyJ") || lower.contains("bearer ") || text.contains("://");
    if !suspicious {
        return Cow::Borrowed(text);
    }
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | ')' | '}' | ']' | '>');
    let mut scrubbed = String::with_capacity(text.len());
    let mut after_bearer = false;
    for word in text.split_inclusive(is_end) {
        let (body, end) = word
            .strip_suffix(is_end)
            .map_or((word, ""), |body| (body, &word[body.len()..]));
        if body.is_empty() {
            scrubbed.push_str(end);
            continue;
        }
        if after_bearer {
            scrubbed.push_str(REPLACEMENT);
        } else {
            scrubbed.push_str(&scrub_word(body));
        }
        scrubbed.push_str(end);
        after_bearer = body.to_ascii_lowercase().ends_with("bearer");
    }
    Cow::Owned(scrubbed)
}

fn scrub_word(word: &str) -> Cow<'_, str> {
    if let Some((before, token)) = word.split_once("eyJ")
        && token.contains('.')
    {
        return Cow::Owned(format!("{before}{REPLACEMENT}"));
    }
    if let Some((scheme, rest)) = word.split_once("://") {
        let authority_end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        if let Some((_, host)) = authority.rsplit_once('@') {
            return Cow::Owned(format!("{scheme}://{REPLACEMENT}@{host}{path}"));
        }
    }
    Cow::Borrowed(word)
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    fn tokens_credentials_and_passwords_in_urls_are_replaced() {
        assert_eq!(
            scrub("got eyJhbGciOiJFZERTQSJ9.e30.c2ln from"),
            "got [redacted] from"
        );
        assert_eq!(
            scrub(r#"{"h":"Bearer s3cret-value"}"#),
            r#"{"h":"Bearer [redacted]"}"#
        );
        assert_eq!(
            scrub("postgres://ada:pw@db:5432/x"),
            "postgres://[redacted]@db:5432/x"
        );
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for line in [
            "listening on http://127.0.0.1:8080/",
            "key eyJunk without dots",
            "plain",
        ] {
            assert_eq!(scrub(line), line);
        }
    }
}
