//! What `/metrics` shows. Labels are bounded: routes by their pattern, never tenants, people or ids.

use std::{fmt, sync::atomic::AtomicU64, time::Duration};

use actix_web::http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

mod auth;
mod retention;
mod usage;

use auth::AuthMetrics;
use retention::RetentionMetrics;
use usage::UsageMetrics;

type Histograms = Family<RequestLabels, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

/// Every metric family of the process.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Histograms,
    relayed: Counter,
    recovered: Counter,
    up: Gauge<f64, AtomicU64>,
    revocations: Gauge,
    revocations_age: Gauge<f64, AtomicU64>,
    clock_offset: Gauge<f64, AtomicU64>,
    auth: AuthMetrics,
    retention: RetentionMetrics,
    usage: UsageMetrics,
}

/// What is looked up when a scrape comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Readings {
    /// Since the start.
    pub uptime: Duration,
    /// Revocations held in memory.
    pub revocations: usize,
    /// Since the last good read of revocations began; `None` before the first.
    pub revocations_age: Option<Duration>,
    /// Since the key that signs was promoted.
    pub active_key_age: Duration,
    /// How far the machine's calendar is ahead of the database's, in seconds; `None` while that is not known.
    pub clock_offset: Option<f64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let requests: Histograms = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let (relayed, recovered, up) = (Counter::default(), Counter::default(), Gauge::default());
        registry.register(
            "http_server_request_duration_seconds",
            "Requests by route and status",
            requests.clone(),
        );
        registry.register(
            "outbox_events_delivered",
            "Events that reached every consumer",
            relayed.clone(),
        );
        registry.register(
            "runs_recovered",
            "Runs ended because their owner was gone",
            recovered.clone(),
        );
        let clock_offset = Gauge::default();
        registry.register(
            "clock_offset_seconds",
            "How far this machine's calendar is ahead of the database's; NaN while that is not known, and where there is none",
            clock_offset.clone(),
        );
        let (revocations, revocations_age) = (Gauge::default(), Gauge::default());
        registry.register(
            "token_revocations_held",
            "Revocations in force that this process holds",
            revocations.clone(),
        );
        registry.register(
            "token_revocations_age_seconds",
            "Time since the last good read of revocations began; over 0.75 the store is asked for each token, negative before \
             the first",
            revocations_age.clone(),
        );
        registry.register("process_uptime_seconds", "Time since the start", up.clone());
        let auth = AuthMetrics::in_registry(&mut registry);
        let retention = RetentionMetrics::in_registry(&mut registry);
        let usage = UsageMetrics::in_registry(&mut registry);
        Self {
            registry,
            requests,
            relayed,
            recovered,
            up,
            revocations,
            revocations_age,
            clock_offset,
            auth,
            retention,
            usage,
        }
    }
}

impl Metrics {
    /// Counts a request.
    pub(crate) fn observe_request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = RequestLabels {
            method: method_label(method),
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts delivered events.
    pub(crate) fn count_relayed(&self, events: usize) {
        self.relayed.inc_by(u64::try_from(events).unwrap_or(u64::MAX));
    }

    /// Counts recovered runs.
    pub(crate) fn count_recovered(&self, runs: usize) {
        self.recovered.inc_by(u64::try_from(runs).unwrap_or(u64::MAX));
    }

    /// The exposition text (OpenMetrics 1.0).
    pub(crate) fn render(&self, readings: Readings) -> Result<String, fmt::Error> {
        self.up.set(readings.uptime.as_secs_f64());
        self.revocations
            .set(i64::try_from(readings.revocations).unwrap_or(i64::MAX));
        self.revocations_age
            .set(readings.revocations_age.map_or(-1.0, |age| age.as_secs_f64()));
        self.auth.set_active_key_age(readings.active_key_age);
        self.clock_offset.set(readings.clock_offset.unwrap_or(f64::NAN));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A client may send any method; only the known ones become labels.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::{Method, StatusCode};

    use super::{Metrics, Readings};

    const READINGS: Readings = Readings {
        uptime: Duration::from_secs(1),
        revocations: 3,
        revocations_age: Some(Duration::from_millis(250)),
        active_key_age: Duration::from_hours(1),
        clock_offset: Some(0.25),
    };

    #[test]
    fn a_request_shows_under_its_route() {
        let metrics = Metrics::default();
        metrics.observe_request(&Method::GET, "/health", StatusCode::OK, Duration::from_millis(7));
        let text = metrics.render(READINGS).unwrap();
        assert!(
            text.contains(r#"_count{method="GET",route="/health",status="200"} 1"#),
            "{text}"
        );
        assert!(text.contains("process_uptime_seconds 1"), "{text}");
    }

    #[test]
    fn what_happens_to_tokens_and_logins_shows_without_anybodys_name() {
        use chancery_accounts::AccountWatch;
        use chancery_token_verify::TokenKind;
        use chancery_tokens::TokenWatch;

        let metrics = Metrics::default();
        metrics.signed(TokenKind::Access, true, Duration::from_micros(30));
        metrics.verified("valid", Duration::from_micros(40));
        metrics.verified("revoked", Duration::from_micros(40));
        metrics.refreshed("reused");
        metrics.revoked("session");
        metrics.login("invalid_credentials", Duration::from_millis(20));
        metrics.lockout("address");
        metrics.service_token("billing-worker", "reused", Duration::from_millis(20));
        let text = metrics.render(READINGS).unwrap();
        for line in [
            r#"jwt_signings_total{result="success",token_use="access"} 1"#,
            r#"jwt_verifications_total{result="valid",token_use="access"} 1"#,
            r#"jwt_verifications_total{result="revoked",token_use="access"} 1"#,
            r#"auth_refresh_issued_total{result="reused"} 1"#,
            r#"jwt_revocations_total{kind="session"} 1"#,
            r#"auth_login_attempts_total{result="invalid_credentials"} 1"#,
            r#"auth_lockouts_total{reason="address"} 1"#,
            r#"service_account_issuance_total{account="billing-worker",result="success",reason="ok",reused="true"} 1"#,
            "active_key_age_seconds 3600",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn what_is_used_shows_for_all_tenants_together() {
        use chancery_billing::{Amounts, UsageWatch};

        let metrics = Metrics::default();
        let used = Amounts {
            input_tokens: 12,
            output_tokens: 3,
            cached_input_tokens: 4,
            reasoning_output_tokens: 0,
            requests: 2,
            tool_calls: 1,
        };
        metrics.counted(&used);
        metrics.counted(&used);
        let text = metrics.render(READINGS).unwrap();
        for line in [
            r#"chancery_usage_tokens_total{direction="input"} 24"#,
            r#"chancery_usage_tokens_total{direction="output"} 6"#,
            r#"chancery_usage_tokens_total{direction="cached_input"} 8"#,
            r#"chancery_usage_tokens_total{direction="reasoning_output"} 0"#,
            "chancery_usage_requests_total 4",
            "chancery_usage_tool_calls_total 2",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn what_was_forgotten_shows_by_its_kind_and_only_a_complete_pass_has_a_time() {
        use chancery_ambient::{Fault, Timestamp};

        use crate::retention::{Pass, PassEnd};

        let metrics = Metrics::default();
        let pass = |what, forgotten, end| Pass { what, forgotten, end };
        let now = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
        let failed = || PassEnd::Failed(Fault::unavailable("on purpose"));
        for passes in [
            [
                pass("run_logs", 3, PassEnd::Complete),
                pass("sessions", 1, failed()),
            ],
            [
                pass("run_logs", 0, PassEnd::Elsewhere),
                pass("sessions", 1, failed()),
            ],
        ] {
            metrics.observe_retention(&passes, now);
        }
        let text = metrics.render(READINGS).unwrap();
        for line in [
            r#"retention_forgotten_total{what="run_logs"} 3"#,
            r#"retention_forgotten_total{what="sessions"} 2"#,
            r#"retention_last_complete_pass_timestamp_seconds{what="run_logs"} 1800000000.0"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains(r#"timestamp_seconds{what="sessions"}"#), "{text}");
    }

    #[test]
    fn invented_methods_share_one_label() {
        let metrics = Metrics::default();
        let invented = Method::from_bytes(b"BREW").unwrap();
        metrics.observe_request(&invented, "unmatched", StatusCode::NOT_FOUND, Duration::ZERO);
        assert!(!metrics.render(READINGS).unwrap().contains("BREW"));
    }
}
