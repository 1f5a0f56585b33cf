//! Who counts what happens to tokens.

use std::time::Duration;

use chancery_token_verify::TokenKind;

/// Told of every token that is signed, judged, refreshed or revoked. Called on hot paths: it returns at once, and knows neither
/// tenants nor people. Each method does nothing unless it is written.
pub trait TokenWatch: Send + Sync {
    /// A token of `kind` was signed, or could not be, in that time.
    fn signed(&self, kind: TokenKind, done: bool, took: Duration) {
        let _ = (kind, done, took);
    }

    /// An access token was judged in that time: `valid`, or the stable reason of its refusal.
    fn verified(&self, verdict: &'static str, took: Duration) {
        let _ = (verdict, took);
    }

    /// A genuine access token was looked up among those whose signature had been checked before: found, or not.
    fn warm(&self, found: bool) {
        let _ = found;
    }

    /// Somebody wanted to refresh: `issued`, or the stable reason of the refusal.
    fn refreshed(&self, verdict: &'static str) {
        let _ = verdict;
    }

    /// Tokens were revoked: a `token`, a `session`, a `subject`, a `tenant` or a `key`.
    fn revoked(&self, what: &'static str) {
        let _ = what;
    }
}

/// Counts nothing.
pub(crate) struct Unwatched;

impl TokenWatch for Unwatched {}
