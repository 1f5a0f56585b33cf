//! Seats in memory, which lapse for nobody.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_guards::{Seat, Seats};

#[derive(Default)]
pub(crate) struct MemorySeats {
    taken: Mutex<BTreeSet<Seat>>,
    /// Whether asking fails.
    pub(crate) is_gone: AtomicBool,
}

impl MemorySeats {
    pub(crate) fn count(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[async_trait]
impl Seats for MemorySeats {
    async fn take(&self, seat: &Seat, limit: u32, _: Duration) -> Result<bool, Fault> {
        if self.is_gone.load(Ordering::SeqCst) {
            return Err(Fault::unavailable("on purpose"));
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let fits =
            taken.iter().filter(|other| other.key == seat.key).count() < usize::try_from(limit).unwrap();
        Ok(fits && taken.insert(seat.clone()))
    }

    async fn keep(&self, seats: &[Seat], _: Duration) -> Result<(), Fault> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.extend(seats.iter().cloned());
        Ok(())
    }

    async fn give_back(&self, seat: &Seat) -> Result<(), Fault> {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(seat);
        Ok(())
    }
}
