//! Events of live runs, to readers on any replica.
//!
//! A run's stream keeps what is not in the log yet; what is added to it is also published on a channel of the same name, to
//! which each process with readers listens through one connection, however many runs they follow.
//!
//! Redis may lose events, by a flush or by not answering. Then readers go to the log, which has them or soon will: a
//! reader that sees a gap is cut off, and a writer that knows of a loss publishes nothing more before the log holds what
//! was lost. So a reader never goes on behind a hole.

mod listener;
mod writing;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use chancery_agents::{Followed, Following, RunEvent, RunFanOut};
use chancery_ambient::{Clock, Fault, Tasks, cause_of, within};
use chancery_ids::{RunId, TenantId};
use deadpool_redis::redis::{Script, cmd};
use futures::{StreamExt, stream};

use self::{
    listener::{Ear, Listeners},
    writing::{Permission, Writings},
};
use crate::{Redis, redis::fault};

/// How long a stream outlives its last event. Longer than recovery takes; short, because a stream whose end was lost
/// keeps its readers.
const LIFE: Duration = Duration::from_mins(1);

/// A stream that holds so many takes no more: a run that cannot reach its log fills it in some seconds.
const LONGEST: u32 = 2048;

/// A reader that hears nothing for so long looks into the log: the end, too, may have been lost.
const SILENCE: Duration = Duration::from_secs(20);

/// [`RunFanOut`] through Redis.
pub struct RedisFanOut {
    redis: Redis,
    clock: Arc<dyn Clock>,
    listeners: Listeners,
    writings: Writings,
    publish: Script,
    kept: Script,
    close: Script,
}

impl RedisFanOut {
    /// A fan-out through `redis`. What listens runs as one of `tasks`, while there are readers.
    #[must_use]
    pub fn new(redis: Redis, clock: Arc<dyn Clock>, tasks: Arc<dyn Tasks>) -> Self {
        Self {
            listeners: Listeners::new(redis.clone(), clock.clone(), tasks),
            writings: Writings::new(clock.clone(), LIFE),
            redis,
            clock,
            publish: Script::new(include_str!("lua/publish.lua")),
            kept: Script::new(include_str!("lua/kept.lua")),
            close: Script::new(include_str!("lua/close.lua")),
        }
    }

    fn key(&self, tenant: TenantId, run: RunId) -> String {
        self.redis.key("run", &format!("{tenant}:{run}"))
    }

    /// `false` when the stream is not as this process left it, or full.
    async fn append(&self, key: &str, after: Option<u64>, events: &[RunEvent]) -> Result<bool, Fault> {
        let mut script = self.publish.prepare_invoke();
        script
            .key(key)
            .arg(u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX))
            .arg(LONGEST)
            .arg(after.map(|id| id.to_string()).unwrap_or_default());
        for event in events {
            script
                .arg(event.id)
                .arg(serde_json::to_string(event).map_err(Fault::corrupt)?);
        }
        self.redis.run::<u8>(&script).await.map(|done| done == 1)
    }

    async fn forget(&self, key: &str, through: u64) -> Result<(), Fault> {
        let mut connection = self.redis.connection().await?;
        cmd("XTRIM")
            .arg(key)
            .arg("MINID")
            .arg(through.saturating_add(1))
            .query_async(&mut connection)
            .await
            .map_err(fault)
    }

    /// What a stream holds, and the id of the last event that was ever in it; `None` when there is no stream.
    async fn look(&self, key: &str) -> Result<Option<(u64, Vec<RunEvent>)>, Fault> {
        let mut script = self.kept.prepare_invoke();
        script.key(key);
        let answer: Vec<String> = self.redis.run(&script).await?;
        let Some((last, texts)) = answer.split_first() else {
            return Ok(None);
        };
        let last = last.parse().map_err(Fault::corrupt)?;
        let events: Result<Vec<RunEvent>, _> = texts.iter().map(|text| serde_json::from_str(text)).collect();
        Ok(Some((last, events.map_err(Fault::corrupt)?)))
    }

    async fn try_follow(&self, key: &str) -> Result<Option<Following>, Fault> {
        // Most runs that are asked for are not carried: their readers look every second.
        if self.look(key).await?.is_none() {
            return Ok(None);
        }
        let ear = self.listeners.listen(key).await?;
        // Again, now that nothing can be missed any more.
        let Some((last, kept)) = self.look(key).await? else {
            return Ok(None);
        };
        let live = Live {
            ear,
            last,
            clock: self.clock.clone(),
        };
        let live = stream::unfold(Some(live), |live| async move { live?.next().await });
        Ok(Some(Following {
            kept,
            live: live.boxed(),
        }))
    }
}

#[async_trait]
impl RunFanOut for RedisFanOut {
    async fn publish(&self, tenant: TenantId, run: RunId, events: &[RunEvent]) {
        let Some(last) = events.last() else { return };
        let Permission::After(after) = self.writings.begin(tenant, run, last.id) else {
            return;
        };
        match self.append(&self.key(tenant, run), after, events).await {
            Ok(true) => self.writings.published(tenant, run, last.id),
            Ok(false) => {
                tracing::warn!(%run, "Redis lost events of a run, or holds all it may; its readers wait for the log");
                self.writings.lost(tenant, run, last.id);
            }
            Err(fault) => {
                let source = cause_of(&fault);
                tracing::warn!(%run, source, "{fault}; the run's readers wait for the log");
                self.writings.lost(tenant, run, last.id);
            }
        }
    }

    async fn trim(&self, tenant: TenantId, run: RunId, through: u64) {
        match self.forget(&self.key(tenant, run), through).await {
            Ok(()) => self.writings.logged(tenant, run, through),
            Err(fault) => {
                let source = cause_of(&fault);
                tracing::warn!(%run, source, "{fault}; events of the run stay in the fan-out");
            }
        }
    }

    async fn close(&self, tenant: TenantId, run: RunId) {
        self.writings.end(tenant, run);
        let key = self.key(tenant, run);
        let mut script = self.close.prepare_invoke();
        script.key(&key);
        if let Err(fault) = self.redis.run::<u8>(&script).await {
            let source = cause_of(&fault);
            tracing::warn!(%run, source, "{fault}; the run's readers learn of its end from the log");
        }
    }

    async fn follow(&self, tenant: TenantId, run: RunId) -> Option<Following> {
        self.try_follow(&self.key(tenant, run))
            .await
            .unwrap_or_else(|fault| {
                let source = cause_of(&fault);
                tracing::warn!(%run, source, "{fault}; a reader of the run goes to the log");
                None
            })
    }
}

/// What a reader holds.
struct Live {
    ear: Ear,
    /// The last event that was given out, or kept.
    last: u64,
    clock: Arc<dyn Clock>,
}

impl Live {
    /// The next event and the rest; `None` at the end of the run.
    async fn next(mut self) -> Option<(Followed, Option<Self>)> {
        loop {
            let Ok(heard) = within(&*self.clock, SILENCE, self.ear.queue.recv()).await else {
                return Some((Followed::CutOff, None));
            };
            match heard {
                // It was kept.
                Some(event) if event.id <= self.last => {}
                Some(event) if event.id == self.last.saturating_add(1) => {
                    self.last = event.id;
                    return Some((Followed::Event(Arc::unwrap_or_clone(event)), Some(self)));
                }
                // Something is missing, or was never there: the log knows.
                Some(_) => return Some((Followed::CutOff, None)),
                None => {
                    let cut_off = self.ear.cut_off.load(Ordering::Acquire);
                    return cut_off.then_some((Followed::CutOff, None));
                }
            }
        }
    }
}
