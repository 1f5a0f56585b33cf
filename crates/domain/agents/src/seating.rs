//! How many streams a person reads at the same time, over every replica.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_access::{Principal, Scope};
use chancery_ambient::{Fault, cause_of};
use chancery_guards::{GuardKey, Seat};
use futures::FutureExt;

use crate::{ChatRefused, RunParts, RunService};

/// A seat lapses this long after it was kept last: what a killed process held is free then.
const LIFE: Duration = Duration::from_secs(30);

/// When to try again. Nobody knows when a stream ends.
const RETRY: Duration = Duration::from_secs(5);

const LIMIT: &str = "chat_stream_concurrent";

/// The seats that this process keeps.
#[derive(Default)]
pub(crate) struct HeldSeats(Mutex<HashMap<u128, Seat>>);

impl HeldSeats {
    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets its holder read one stream. Given back when it is dropped.
pub struct StreamSeat(Option<Held>);

struct Held {
    seat: Seat,
    all: Arc<HeldSeats>,
    parts: Arc<RunParts>,
}

impl Drop for StreamSeat {
    fn drop(&mut self) {
        let Some(Held { seat, all, parts }) = self.0.take() else {
            return;
        };
        // From here on nobody keeps it: if giving it back fails, it lapses.
        all.lock().remove(&seat.id);
        let tasks = parts.tasks.clone();
        let back = async move {
            if let Err(fault) = parts.seats.give_back(&seat).await {
                let source = cause_of(&fault);
                tracing::warn!(source, "{fault}: the seat of a stream lapses by itself");
            }
        };
        tasks.spawn(back.boxed());
    }
}

impl RunService {
    /// Takes a seat for one stream of the caller's. One that goes on with a stream that broke off is let in beyond the limit, up
    /// to as many again: the seats of what the caller lost may not be free yet.
    ///
    /// A limit that cannot be asked holds nobody back: what a stream costs is bounded by itself. Its seat is counted as soon as
    /// that is possible again.
    #[tracing::instrument(name = "agents.take_seat", skip_all, fields(tenant = %caller.tenant))]
    pub async fn take_seat(&self, caller: &Principal, goes_on: bool) -> Result<StreamSeat, ChatRefused> {
        caller.require(Scope::CONVERSATIONS_READ)?;
        let owner = caller.require_person()?;
        let limit = self.settings.rates.streams_at_once;
        if limit == 0 {
            return Ok(StreamSeat(None));
        }
        let limit = if goes_on { limit.saturating_mul(2) } else { limit };
        let seat = Seat {
            key: GuardKey::of_tenant(caller.tenant, LIMIT, &[&owner.to_string()]),
            id: u128::from_be_bytes(self.parts.ambient.random()),
        };
        match self.parts.seats.take(&seat, limit, LIFE).await {
            Ok(true) => {}
            Ok(false) => {
                return Err(ChatRefused::TooOften {
                    limit: LIMIT,
                    retry_after: RETRY,
                });
            }
            Err(fault) => {
                let source = cause_of(&fault);
                tracing::warn!(source, "{fault}: streams are not limited");
            }
        }
        self.seats.lock().insert(seat.id, seat.clone());
        Ok(StreamSeat(Some(Held {
            seat,
            all: self.seats.clone(),
            parts: self.parts.clone(),
        })))
    }

    /// Gives every seat of this process a new life. Called three times in the life of one.
    #[tracing::instrument(name = "agents.keep_seats", skip_all)]
    pub async fn keep_seats(&self) -> Result<(), Fault> {
        let held: Vec<Seat> = self.seats.lock().values().cloned().collect();
        self.parts.seats.keep(&held, LIFE).await
    }
}
