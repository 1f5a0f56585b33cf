//! What happens to tokens and logins. Labels are words of the code, never names of people, tenants or tokens.

use std::{sync::atomic::AtomicU64, time::Duration};

use chancery_accounts::AccountWatch;
use chancery_token_verify::TokenKind;
use chancery_tokens::TokenWatch;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{BUCKETS, Metrics};

/// Signing and verifying take microseconds.
const FAST: [f64; 8] = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01, 0.1];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Use {
    result: &'static str,
    token_use: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Accounts are those of the catalogue, which an operator writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Issuance {
    account: String,
    result: &'static str,
    reason: &'static str,
    reused: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// The families of tokens and logins.
pub(super) struct AuthMetrics {
    signings: Family<Use, Counter>,
    signing_time: Histogram,
    verifications: Family<Use, Counter>,
    verification_time: Histogram,
    warm: Family<Outcome, Counter>,
    refreshes: Family<Outcome, Counter>,
    revocations: Family<Kind, Counter>,
    logins: Family<Outcome, Counter>,
    login_time: Histogram,
    lockouts: Family<Reason, Counter>,
    service_tokens: Family<Issuance, Counter>,
    service_token_time: Histogram,
    nonce_hits: Counter,
    nonce_misses: Counter,
    active_key_age: Gauge<f64, AtomicU64>,
}

impl AuthMetrics {
    pub(super) fn in_registry(registry: &mut Registry) -> Self {
        let metrics = Self {
            signings: Family::default(),
            signing_time: Histogram::new(FAST),
            verifications: Family::default(),
            verification_time: Histogram::new(FAST),
            warm: Family::default(),
            refreshes: Family::default(),
            revocations: Family::default(),
            logins: Family::default(),
            login_time: Histogram::new(BUCKETS),
            lockouts: Family::default(),
            service_tokens: Family::default(),
            service_token_time: Histogram::new(BUCKETS),
            nonce_hits: Counter::default(),
            nonce_misses: Counter::default(),
            active_key_age: Gauge::default(),
        };
        registry.register("jwt_signings", "Tokens signed, by kind", metrics.signings.clone());
        registry.register(
            "jwt_signing_duration_seconds",
            "How long a signature takes",
            metrics.signing_time.clone(),
        );
        registry.register(
            "jwt_verifications",
            "Access tokens judged: valid, or why not",
            metrics.verifications.clone(),
        );
        registry.register(
            "jwt_verification_duration_seconds",
            "How long a verdict takes",
            metrics.verification_time.clone(),
        );
        registry.register(
            "verified_token_cache_lookups",
            "Genuine access tokens looked up among those checked before: hit or miss",
            metrics.warm.clone(),
        );
        registry.register(
            "auth_refresh_issued",
            "Refreshes: issued, or why not; reused ends the session",
            metrics.refreshes.clone(),
        );
        registry.register(
            "jwt_revocations",
            "Revocations stored by this process, by what they end",
            metrics.revocations.clone(),
        );
        registry.register(
            "auth_login_attempts",
            "Logins: success, or why not",
            metrics.logins.clone(),
        );
        registry.register(
            "auth_login_latency_seconds",
            "How long a login takes",
            metrics.login_time.clone(),
        );
        registry.register(
            "auth_lockouts",
            "Tries held back, by address or by network",
            metrics.lockouts.clone(),
        );
        registry.register(
            "service_account_issuance",
            "Tokens of service accounts asked for: issued, reused, or why not",
            metrics.service_tokens.clone(),
        );
        registry.register(
            "service_account_issuance_latency_seconds",
            "How long such a request takes",
            metrics.service_token_time.clone(),
        );
        registry.register(
            "nonce_cache_hits",
            "Signed requests whose nonce had been used",
            metrics.nonce_hits.clone(),
        );
        registry.register(
            "nonce_cache_misses",
            "Signed requests whose nonce was new",
            metrics.nonce_misses.clone(),
        );
        registry.register(
            "active_key_age_seconds",
            "Time since the key that signs was promoted",
            metrics.active_key_age.clone(),
        );
        metrics
    }

    pub(super) fn set_active_key_age(&self, age: Duration) {
        self.active_key_age.set(age.as_secs_f64());
    }
}

impl TokenWatch for Metrics {
    fn signed(&self, kind: TokenKind, done: bool, took: Duration) {
        let labels = Use {
            result: if done { "success" } else { "failure" },
            token_use: kind.rules().marker.value,
        };
        self.auth.signings.get_or_create(&labels).inc();
        self.auth.signing_time.observe(took.as_secs_f64());
    }

    fn verified(&self, verdict: &'static str, took: Duration) {
        let labels = Use {
            result: verdict,
            token_use: TokenKind::Access.rules().marker.value,
        };
        self.auth.verifications.get_or_create(&labels).inc();
        self.auth.verification_time.observe(took.as_secs_f64());
    }

    fn warm(&self, found: bool) {
        let result = if found { "hit" } else { "miss" };
        self.auth.warm.get_or_create(&Outcome { result }).inc();
    }

    fn refreshed(&self, verdict: &'static str) {
        self.auth
            .refreshes
            .get_or_create(&Outcome { result: verdict })
            .inc();
    }

    fn revoked(&self, what: &'static str) {
        self.auth.revocations.get_or_create(&Kind { kind: what }).inc();
    }
}

impl AccountWatch for Metrics {
    fn login(&self, result: &'static str, took: Duration) {
        self.auth.logins.get_or_create(&Outcome { result }).inc();
        self.auth.login_time.observe(took.as_secs_f64());
    }

    fn service_token(&self, account: &str, verdict: &'static str, took: Duration) {
        let (result, reason) = match verdict {
            "issued" | "reused" => ("success", "ok"),
            refused => ("failure", refused),
        };
        let labels = Issuance {
            account: account.to_owned(),
            result,
            reason,
            reused: if verdict == "reused" { "true" } else { "false" },
        };
        self.auth.service_tokens.get_or_create(&labels).inc();
        self.auth.service_token_time.observe(took.as_secs_f64());
    }

    fn nonce(&self, found: bool) {
        let counter = if found {
            &self.auth.nonce_hits
        } else {
            &self.auth.nonce_misses
        };
        counter.inc();
    }

    fn lockout(&self, reason: &'static str) {
        self.auth.lockouts.get_or_create(&Reason { reason }).inc();
    }
}
