//! Seats of one node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::{Clock, Fault};
use chancery_guards::{Seat, Seats};

use crate::expiring::Expiring;

/// [`Seats`] in memory, on the monotonic clock.
pub struct InProcessSeats {
    clock: Arc<dyn Clock>,
    /// When each seat of a key lapses; the key goes with the last.
    rooms: Mutex<Expiring<Room>>,
}

type Room = HashMap<u128, Duration>;

impl InProcessSeats {
    /// Keeps the seats of up to `capacity` keys. Beyond, those of the key whose last seat lapses first are forgotten.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self {
            clock,
            rooms: Mutex::new(Expiring::with_capacity(capacity)),
        }
    }

    /// Does `change` with who sits at the key now; what it answers, and the room as it leaves it, are kept.
    fn change<T>(&self, seat: &Seat, change: impl FnOnce(Duration, &mut Room) -> T) -> T {
        let now = self.clock.monotonic();
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.sweep(now, |_| true);
        let mut room = rooms.find_mut(&seat.key).map(std::mem::take).unwrap_or_default();
        room.retain(|_, lapses| *lapses > now);
        let answer = change(now, &mut room);
        match room.values().max().copied() {
            Some(last) => rooms.put(&seat.key, last, room),
            None => rooms.remove(&seat.key),
        }
        answer
    }
}

#[async_trait]
impl Seats for InProcessSeats {
    async fn take(&self, seat: &Seat, limit: u32, life: Duration) -> Result<bool, Fault> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.change(seat, |now, room| {
            let fits = room.contains_key(&seat.id) || room.len() < limit;
            if fits {
                room.insert(seat.id, now.saturating_add(life));
            }
            fits
        }))
    }

    async fn keep(&self, seats: &[Seat], life: Duration) -> Result<(), Fault> {
        for seat in seats {
            self.change(seat, |now, room| {
                room.insert(seat.id, now.saturating_add(life));
            });
        }
        Ok(())
    }

    async fn give_back(&self, seat: &Seat) -> Result<(), Fault> {
        self.change(seat, |_, room| {
            room.remove(&seat.id);
        });
        Ok(())
    }
}
