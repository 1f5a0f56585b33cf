//! Walking a tenant's record to see whether it is whole.

use std::fmt;

use chancery_ambient::Fault;
use chancery_ids::TenantId;

use crate::{AuditTrail, Day, Hash, Head};

/// What a walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was changed, removed or inserted since it was written.
    Whole {
        /// Days with entries.
        days: u64,
        /// Entries in all.
        entries: u64,
        /// The newest hash, to keep elsewhere; `None` when nothing was recorded.
        head: Option<Hash>,
    },
    /// The first place that is not as it was written.
    Broken {
        /// The day.
        day: Day,
        /// The entry, from 1.
        number: u64,
        /// What is wrong there.
        fault: Damage,
    },
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It, or something before it, is not what it was.
    Altered,
    /// It is gone.
    Missing,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Altered => "altered",
            Self::Missing => "missing",
        })
    }
}

/// How many entries are looked at in one piece.
const AT_ONCE: u16 = 500;

impl AuditTrail {
    /// Walks the whole record of a tenant.
    #[tracing::instrument(name = "audit.verify", skip_all, fields(%tenant))]
    pub async fn verify(&self, tenant: TenantId) -> Result<Verdict, Fault> {
        let (mut days, mut entries, mut last) = (0, 0, None);
        let mut after = None;
        while let Some(kept) = self.store.next_day(tenant, after).await? {
            let begun = Head::begin(tenant, kept.day, last);
            if let Some((number, fault)) = self.verify_day(begun, kept).await? {
                let day = kept.day;
                return Ok(Verdict::Broken { day, number, fault });
            }
            (days, entries) = (days + 1, entries + kept.number);
            (last, after) = (Some(kept.hash), Some(kept.day));
        }
        Ok(Verdict::Whole {
            days,
            entries,
            head: last,
        })
    }

    /// The first place of a day that is not as it was written.
    async fn verify_day(&self, begun: Head, kept: Head) -> Result<Option<(u64, Damage)>, Fault> {
        let mut head = begun;
        loop {
            let page = self
                .store
                .entries(kept.tenant, kept.day, head.number, AT_ONCE)
                .await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                let expected = head.number + 1;
                if entry.number != expected {
                    return Ok(Some((expected, Damage::Missing)));
                }
                head = head.with(&entry.event);
                if head.hash != entry.hash {
                    return Ok(Some((expected, Damage::Altered)));
                }
            }
        }
        Ok(if head.number < kept.number {
            Some((head.number + 1, Damage::Missing))
        } else if head == kept {
            None
        } else {
            Some((kept.number, Damage::Altered))
        })
    }
}

#[cfg(test)]
mod tests;
