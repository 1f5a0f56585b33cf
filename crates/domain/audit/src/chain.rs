//! The hashes that hold a tenant's record together.

use std::fmt;

use chancery_ambient::Timestamp;
use chancery_events::Event;
use chancery_ids::TenantId;
use ring::digest::{Context, SHA256};

/// SHA-256 over an entry and everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    /// In hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A day of the calendar, UTC, as the number of days since the beginning of 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

const SECONDS: i64 = 86_400;

impl Day {
    /// The day of a moment.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(at.unix_seconds().div_euclid(SECONDS))
    }
}

impl fmt::Display for Day {
    /// As RFC 3339 writes dates.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let midnight = Timestamp::from_unix_seconds(self.0.saturating_mul(SECONDS));
        let text = midnight.map(|midnight| midnight.to_string()).unwrap_or_default();
        f.write_str(text.get(..10).unwrap_or("no day"))
    }
}

/// How a tenant's day stands, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose.
    pub tenant: TenantId,
    /// Which day.
    pub day: Day,
    /// How many entries it has.
    pub number: u64,
    /// The hash of the last one; of a day without any, what it began with.
    pub hash: Hash,
}

impl Head {
    /// The beginning of a tenant's day, after the end of the last one that had entries.
    #[must_use]
    pub fn begin(tenant: TenantId, day: Day, after: Option<Hash>) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(b"chancery audit day\0");
        context.update(tenant.as_uuid().as_bytes());
        context.update(&day.0.to_be_bytes());
        context.update(&after.map_or([0; 32], |hash| hash.0));
        Self {
            tenant,
            day,
            number: 0,
            hash: finished(context),
        }
    }

    /// The same day with one entry more. Everything that the entry says goes into its hash, each part with its length before it.
    #[must_use]
    pub fn with(self, event: &Event) -> Self {
        let number = self.number + 1;
        let payload = serde_json::Value::Object(event.payload.clone()).to_string();
        let mut context = Context::new(&SHA256);
        context.update(b"chancery audit entry\0");
        context.update(&self.hash.0);
        context.update(&number.to_be_bytes());
        context.update(event.id.as_uuid().as_bytes());
        context.update(event.tenant.as_uuid().as_bytes());
        context.update(&event.at.unix_micros().to_be_bytes());
        for part in [event.kind.as_str(), &event.subject, &payload] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            context.update(&length.to_be_bytes());
            context.update(part.as_bytes());
        }
        Self {
            number,
            hash: finished(context),
            ..self
        }
    }
}

fn finished(context: Context) -> Hash {
    let digest = context.finish();
    let mut bytes = [0; 32];
    for (byte, value) in bytes.iter_mut().zip(digest.as_ref()) {
        *byte = *value;
    }
    Hash(bytes)
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// Its place in its day, from 1.
    pub number: u64,
    /// The hash that was kept with it.
    pub hash: Hash,
}

#[cfg(test)]
mod tests {
    use chancery_ambient::{Ambient, Timestamp};
    use chancery_events::{Event, EventKind};

    use super::{Day, Head};

    #[test]
    fn a_day_is_written_as_a_date_and_begins_at_midnight() {
        let at = |seconds| Day::of(Timestamp::from_unix_seconds(seconds).unwrap());
        assert_eq!(at(1_800_000_000).to_string(), "2027-01-15");
        assert_eq!((at(86_399), at(86_400), at(-1)), (Day(0), Day(1), Day(-1)));
    }

    #[test]
    fn every_part_of_an_entry_its_place_and_what_was_before_go_into_the_hash() {
        let ambient = Ambient::system();
        let event = Event::new(&ambient, ambient.new_id(), EventKind::UserCreated, "ab").with("c", 1);
        let begun = Head::begin(event.tenant, Day(1), None);
        let hash = begun.with(&event).hash;
        assert_eq!(begun.with(&event).hash, hash);
        let others = [
            Event {
                id: ambient.new_id(),
                ..event.clone()
            },
            Event {
                tenant: ambient.new_id(),
                ..event.clone()
            },
            Event {
                kind: EventKind::TenantCreated,
                ..event.clone()
            },
            Event {
                subject: "a".to_owned(),
                ..event.clone()
            },
            Event {
                at: event.at.plus(std::time::Duration::from_micros(1)),
                ..event.clone()
            },
            event.clone().with("c", 2),
        ];
        for other in others {
            assert_ne!(begun.with(&other).hash, hash, "{other:?}");
        }
        assert_ne!(begun.with(&event).with(&event).hash, hash);
        for elsewhere in [
            Head::begin(event.tenant, Day(2), None),
            Head::begin(event.tenant, Day(1), Some(hash)),
            Head::begin(ambient.new_id(), Day(1), None),
        ] {
            assert_ne!(elsewhere.with(&event).hash, hash);
        }
    }
}
