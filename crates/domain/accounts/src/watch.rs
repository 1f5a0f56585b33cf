//! Who counts what happens to logins.

use std::time::Duration;

/// Told of every login, lockout and token of a service account. It returns at once, and knows neither tenants nor people. Each
/// method does nothing unless it is written.
pub trait AccountWatch: Send + Sync {
    /// Somebody tried to log in, in that time: `success`, or the stable reason of the refusal.
    fn login(&self, result: &'static str, took: Duration) {
        let _ = (result, took);
    }

    /// Somebody asked for a token of a service account of the catalogue (`unknown` for any other name), in that time: `issued`,
    /// `reused`, or the stable reason of the refusal.
    fn service_token(&self, account: &str, verdict: &'static str, took: Duration) {
        let _ = (account, verdict, took);
    }

    /// The nonce of a signed request was looked for among the used ones: found, or not.
    fn nonce(&self, found: bool) {
        let _ = found;
    }

    /// A try was held back: `address` or `network`.
    fn lockout(&self, reason: &'static str) {
        let _ = reason;
    }
}

/// Counts nothing.
pub(crate) struct Unwatched;

impl AccountWatch for Unwatched {}
