//! The document that verifiers read (RFC 7517 section 5), made once per change.

use std::{fmt::Write as _, time::Duration};

use chancery_ambient::{Fault, Timestamp};
use chancery_jose::{Algorithm, JwkSet, PublicJwk};
use ring::digest::{SHA256, digest};

use crate::{KeySet, entity_tags::none_match_holds};

/// A JWK Set ready to be sent, with what caches need to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksDocument {
    keys: Vec<PublicJwk>,
    body: Vec<u8>,
    etag: String,
    last_modified: Timestamp,
    max_age: Duration,
}

impl JwksDocument {
    /// The published keys of `set`, each said to be used with `algorithm` if it fits: verifiers compare that with the
    /// header of a token.
    pub(crate) fn of(set: &KeySet, algorithm: Algorithm, max_age: Duration) -> Result<Self, Fault> {
        let named = |key: &PublicJwk| {
            key.clone()
                .with_algorithm(algorithm)
                .unwrap_or_else(|_| key.clone())
        };
        let keys = set.published().map(named).collect();
        Self::new(keys, set.changed_at().whole_seconds(), max_age)
    }

    /// The keys of both, to be kept no longer than either.
    pub(crate) fn joined(&self, other: &Self) -> Result<Self, Fault> {
        let keys = self.keys.iter().chain(&other.keys).cloned().collect();
        let last_modified = self.last_modified.max(other.last_modified);
        Self::new(keys, last_modified, self.max_age.min(other.max_age))
    }

    fn new(keys: Vec<PublicJwk>, last_modified: Timestamp, max_age: Duration) -> Result<Self, Fault> {
        let set = JwkSet::new(keys.clone()).map_err(Fault::corrupt)?;
        let body = serde_json::to_vec(&set).map_err(Fault::corrupt)?;
        Ok(Self {
            keys,
            etag: strong_tag(&body),
            body,
            last_modified,
            max_age,
        })
    }

    /// The JSON (`application/jwk-set+json`).
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The strong entity tag, with its quotes (RFC 9110 section 8.8.3): SHA-256 of the body.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// When the set last changed, to the second.
    #[must_use]
    pub const fn last_modified(&self) -> Timestamp {
        self.last_modified
    }

    /// How long it may be kept (`Cache-Control: public, max-age=…`).
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Whether a client that sent this `If-None-Match` holds this very document, so that 304 is the answer. Takes lists,
    /// `*` and weak tags (RFC 9110 section 13.1.2); several header lines are joined with commas before.
    #[must_use]
    pub fn matches(&self, if_none_match: &str) -> bool {
        none_match_holds(if_none_match, self.etag.trim_matches('"'))
    }
}

fn strong_tag(body: &[u8]) -> String {
    let mut tag = String::with_capacity(66);
    tag.push('"');
    for byte in digest(&SHA256, body).as_ref() {
        let _ = write!(tag, "{byte:02x}"); // into memory: it cannot fail
    }
    tag.push('"');
    tag
}
