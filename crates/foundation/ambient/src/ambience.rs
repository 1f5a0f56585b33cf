//! The three ambient things, carried together.

use std::{sync::Arc, time::Duration};

use chancery_ids::TypedId;
use uuid::{Builder, Uuid};

use crate::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock, SystemEntropy, Timestamp};

/// The clock and the entropy of a service. Cheap to clone.
#[derive(Clone)]
pub struct Ambient {
    /// Tells and waits for time.
    pub clock: Arc<dyn Clock>,
    /// Source of randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Ambient {
    /// The machine's own clock and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// A clock the test moves, and randomness that repeats from run to run.
    #[must_use]
    pub fn for_tests(clock: Arc<ManualClock>) -> Self {
        Self {
            clock,
            entropy: Arc::new(SeededEntropy::default()),
        }
    }

    /// Now, to the microsecond.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits on the monotonic clock.
    pub async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// Draws a new id: a UUIDv7 (RFC 9562 section 5.7) of this moment.
    #[must_use]
    pub fn new_id<K>(&self) -> TypedId<K> {
        TypedId::from_uuid(self.new_uuid_v7())
    }

    /// Draws `N` random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    fn new_uuid_v7(&self) -> Uuid {
        Builder::from_unix_timestamp_millis(self.now().unix_millis(), &self.random()).into_uuid()
    }
}
