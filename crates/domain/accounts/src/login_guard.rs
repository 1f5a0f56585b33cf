//! What holds back whoever tries passwords.

use std::{fmt::Write as _, net::IpAddr, sync::Arc, time::Duration};

use chancery_ambient::{Fault, cause_of};
use chancery_guards::{GuardKey, Tally};
use chancery_tokens::network_of;
use ring::{hkdf, hmac};
use secrecy::{ExposeSecret, SecretString};

/// From when on tries are refused. A threshold of 0 refuses nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutSettings {
    /// Tries for one address from devices that never logged in, before its password is looked at no more.
    pub per_account: u64,
    /// For how long from the first of them.
    pub account_window: Duration,
    /// Failures from one network (a /24, or a /64 of IPv6) before it is told to wait.
    pub per_network: u64,
    /// For how long from the first of them.
    pub network_window: Duration,
}

/// Counts tries by address and by network, for every replica. Addresses are counted whether or not somebody has them, under
/// an HMAC, so that neither the counts nor the answers tell who has an account.
///
/// When the counts cannot be reached, nobody is held back: passwords are still hashed a few at a time.
pub struct LoginGuard {
    tally: Arc<dyn Tally>,
    key: hmac::Key,
    settings: LockoutSettings,
}

impl LoginGuard {
    /// A guard that hides addresses under a key derived from `secret`.
    #[must_use]
    pub fn new(tally: Arc<dyn Tally>, secret: &SecretString, settings: LockoutSettings) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"chancery login guard");
        let key = root.extract(secret.expose_secret().as_bytes());
        let derived = key.expand(&[b"address"], hmac::HMAC_SHA256);
        Self {
            tally,
            // Expanding to the length of the hash cannot fail; the extracted key would be no worse.
            key: derived.map_or_else(
                |_| hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes()),
                Into::into,
            ),
            settings,
        }
    }

    /// How long a network has to wait, if it failed too often.
    pub(crate) async fn network_wait(&self, from: Option<IpAddr>) -> Option<Duration> {
        let (limit, window) = (self.settings.per_network, self.settings.network_window);
        let key = network_key(from.filter(|_| limit > 0)?);
        let failures = lenient(self.tally.read(&key).await)?;
        (failures >= limit).then_some(window)
    }

    /// Counts a try for an address by a stranger, before its password is looked at; whether it may be.
    pub(crate) async fn may_try(&self, address: &str) -> bool {
        let limit = self.settings.per_account;
        if limit == 0 {
            return true;
        }
        let counted = self
            .tally
            .count(&self.account_key(address), self.settings.account_window)
            .await;
        lenient(counted).is_none_or(|tries| tries <= limit)
    }

    /// Counts a failure against the network it came from.
    pub(crate) async fn note_failure(&self, from: Option<IpAddr>) {
        if let Some(from) = from.filter(|_| self.settings.per_network > 0) {
            let window = self.settings.network_window;
            lenient(self.tally.count(&network_key(from), window).await);
        }
    }

    /// Forgets the tries for an address: its owner is in.
    pub(crate) async fn note_success(&self, address: &str) {
        lenient(self.tally.clear(&self.account_key(address)).await);
    }

    fn account_key(&self, address: &str) -> GuardKey {
        GuardKey::without_tenant("login-account", &[&self.hidden(address)])
    }

    /// The address under the HMAC, however it was written.
    pub(crate) fn hidden(&self, address: &str) -> String {
        let code = hmac::sign(&self.key, address.trim().to_lowercase().as_bytes());
        let mut name = String::new();
        for byte in code.as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

fn network_key(from: IpAddr) -> GuardKey {
    GuardKey::without_tenant("login-network", &[&network_of(from)])
}

fn lenient<T>(answer: Result<T, Fault>) -> Option<T> {
    answer
        .inspect_err(|fault| {
            let source = cause_of(fault);
            tracing::warn!(source, "{fault}: logins are not held back");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use futures::future::join_all;

    use super::{LockoutSettings, LoginGuard};
    use crate::twin::{MemoryTally, lockout};

    fn guard(settings: LockoutSettings) -> LoginGuard {
        let tally = Arc::new(MemoryTally::default());
        LoginGuard::new(tally, &"secret".into(), settings)
    }

    #[tokio::test]
    async fn of_a_hundred_tries_at_once_exactly_the_allowed_ones_look_at_the_password() {
        let guard = guard(lockout(5, 50));
        let tries = join_all((0..100).map(|_| guard.may_try("ada@example.org"))).await;
        assert_eq!(tries.iter().filter(|allowed| **allowed).count(), 5);
        // However it is written, and nobody else's.
        assert!(!guard.may_try(" ADA@example.org").await);
        assert!(guard.may_try("bob@example.org").await);
        guard.note_success("ada@example.org").await;
        assert!(guard.may_try("ada@example.org").await);
    }

    #[tokio::test]
    async fn a_network_that_failed_too_often_has_to_wait_with_all_its_addresses() {
        let guard = guard(lockout(5, 3));
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for last in 1..=3 {
            assert_eq!(guard.network_wait(address("192.0.2.200")).await, None);
            guard.note_failure(address(&format!("192.0.2.{last}"))).await;
        }
        let window = lockout(5, 3).network_window;
        assert_eq!(guard.network_wait(address("192.0.2.200")).await, Some(window));
        assert_eq!(guard.network_wait(address("192.0.3.1")).await, None);
        assert_eq!(guard.network_wait(None).await, None);
    }

    #[tokio::test]
    async fn a_threshold_of_zero_refuses_nobody() {
        let guard = guard(lockout(0, 0));
        for _ in 0..20 {
            assert!(guard.may_try("ada@example.org").await);
            guard.note_failure("192.0.2.1".parse().ok()).await;
        }
        assert_eq!(guard.network_wait("192.0.2.1".parse().ok()).await, None);
    }
}
