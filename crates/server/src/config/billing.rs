//! What tenants use.

use super::Source;

/// The usage ledger.
#[derive(Debug)]
pub(crate) struct Billing {
    /// `USAGE_RETENTION_DAYS`: how long single records of use are kept. The counters stay.
    pub kept_days: u16,
}

impl Billing {
    pub(super) fn read(source: &mut Source) -> Self {
        // A use that is told again after it was forgotten would count again, so a few days are the least.
        let days = source.number("USAGE_RETENTION_DAYS", 400, 7..=3660);
        Self {
            kept_days: u16::try_from(days).unwrap_or(400),
        }
    }
}
