//! When a request is sent again, and after how long.

use std::time::{Duration, UNIX_EPOCH};

use chancery_ambient::Timestamp;

/// A provider that asks for a longer wait is not waited for: somebody sits before the screen, and coming back sooner than
/// asked only adds to its load.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(20);

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

/// Whether an answer of this status may be another one soon.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500 | 502 | 503 | 504)
}

/// How long to wait before retry number `retry` (0 for the first); `None` when it is longer than we wait.
///
/// Without a wish of the provider: exponential, with full jitter drawn from `random`.
pub(crate) fn wait(retry: u32, asked: Option<Duration>, random: [u8; 8]) -> Option<Duration> {
    match asked {
        Some(asked) if !asked.is_zero() => (asked <= LONGEST_WAIT).then_some(asked),
        _ => {
            let ceiling = FIRST_WAIT
                .saturating_mul(2_u32.saturating_pow(retry))
                .min(LONGEST_BACKOFF);
            let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
            Some(Duration::from_nanos(
                u64::from_le_bytes(random) % nanos.saturating_add(1),
            ))
        }
    }
}

/// The wait that a `Retry-After` asks for: seconds or a date (RFC 9110 section 10.2.3), and fractions of a second, which
/// some providers send.
pub(crate) fn asked(retry_after: &str, now: Timestamp) -> Option<Duration> {
    let retry_after = retry_after.trim();
    if let Ok(seconds) = retry_after.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(retry_after).ok()?;
    let seconds = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Timestamp::from_unix_seconds(i64::try_from(seconds).ok()?)?.since(now))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_ambient::Timestamp;
    use proptest::prelude::*;

    use super::{LONGEST_WAIT, asked, wait};

    #[test]
    fn the_wish_of_the_provider_is_followed_within_reason() {
        let wish = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wait(0, wish(3), [7; 8]), wish(3));
        assert_eq!(wait(1, wish(20), [7; 8]), wish(20));
        assert_eq!(wait(0, wish(21), [7; 8]), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_unix_seconds(784_111_770).unwrap();
        for (header, expected) in [
            ("5", Some(Duration::from_secs(5))),
            (" 0.5 ", Some(Duration::from_millis(500))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::from_secs(7))),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(Duration::ZERO)),
            ("-5", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(asked(header, now), expected, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn backoff_stays_under_a_ceiling_that_doubles(retry in 0_u32..100, random: [u8; 8]) {
            let waited = wait(retry, None, random).unwrap();
            prop_assert!(waited <= Duration::from_millis(500).saturating_mul(2_u32.saturating_pow(retry)));
            prop_assert!(waited <= Duration::from_secs(8));
        }

        #[test]
        fn no_header_makes_us_panic_or_wait_long(header: String, retry in 0_u32..5) {
            let asked = asked(&header, Timestamp::EPOCH);
            prop_assert!(wait(retry, asked, [9; 8]).is_none_or(|waited| waited <= LONGEST_WAIT));
        }
    }
}
