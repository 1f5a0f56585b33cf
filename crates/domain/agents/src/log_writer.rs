//! Writes a run's events: to readers through the fan-out, to the log through the store, numbered and under the lease.

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, Fault, cause_of};
use chancery_events::Event;
use chancery_ids::{RunId, TenantId};

use crate::{
    AgentScope, Finish, Flush, Flushed, LEASE, NewRun, Pause, Run, RunEvent, RunFanOut, RunStore, What,
    meter::Meter,
};

/// When events go to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushPolicy {
    /// Every 25 ms and before readers see them: what was seen is never lost, and a crash needs no recovery of events.
    /// For one node, whose store is near.
    BeforeReaders,
    /// Readers first; at most once a second. For replicas over one database.
    AfterReaders,
}

impl FlushPolicy {
    const fn every(self) -> Duration {
        match self {
            Self::BeforeReaders => Duration::from_millis(25),
            Self::AfterReaders => Duration::from_secs(1),
        }
    }
}

/// Ids reserved ahead with each flush: more than any model says in the second between two, so that no turn is written more often.
const RESERVE: u64 = 16 * 1024;

/// A silent run renews its lease this often.
const RENEW: Duration = Duration::from_secs(5);

/// The run is somebody else's now, or the store was gone for a whole lease: write nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

pub(crate) struct LogWriter {
    runs: Arc<dyn RunStore>,
    fan_out: Arc<dyn RunFanOut>,
    ambient: Ambient,
    policy: FlushPolicy,
    tenant: TenantId,
    run: RunId,
    epoch: u64,
    agent: String,
    scope: Option<AgentScope>,
    next_id: u64,
    ids_until: u64,
    unflushed: Vec<RunEvent>,
    flushed_at: Duration,
    lease_ends: Duration,
    cancel_requested: bool,
    /// What the run uses. It goes with the next flush and makes none due: a flush is a commit.
    pub(crate) meter: Meter,
}

impl LogWriter {
    /// A writer for a run that was just begun.
    pub(crate) fn of_new_run(
        runs: Arc<dyn RunStore>,
        fan_out: Arc<dyn RunFanOut>,
        ambient: Ambient,
        policy: FlushPolicy,
        new: &NewRun,
    ) -> Self {
        let now = ambient.clock.monotonic();
        let next_id = new.events.last().map_or(1, |last| last.id + 1);
        Self {
            runs,
            fan_out,
            policy,
            tenant: new.tenant,
            run: new.id,
            epoch: 1,
            agent: new.entry_agent.clone(),
            scope: None,
            next_id,
            ids_until: Self::first_reservation(&new.events),
            unflushed: Vec::new(),
            flushed_at: now,
            lease_ends: now + LEASE,
            cancel_requested: false,
            meter: Meter::new(new.owner),
            ambient,
        }
    }

    /// A writer for a run that goes on after it has waited, whose next event is `next_id`.
    pub(crate) fn of_resumed_run(
        runs: Arc<dyn RunStore>,
        fan_out: Arc<dyn RunFanOut>,
        ambient: Ambient,
        policy: FlushPolicy,
        run: &Run,
        next_id: u64,
        meter: Meter,
    ) -> Self {
        let now = ambient.clock.monotonic();
        Self {
            runs,
            fan_out,
            policy,
            tenant: run.tenant,
            run: run.id,
            epoch: run.epoch,
            agent: run.active_agent.clone(),
            scope: None,
            next_id,
            ids_until: run.ids_until,
            unflushed: Vec::new(),
            flushed_at: now,
            lease_ends: now + LEASE,
            cancel_requested: false,
            meter,
            ambient,
        }
    }

    /// What `begin` reserves for a run with these first events.
    pub(crate) fn first_reservation(first: &[RunEvent]) -> u64 {
        first.last().map_or(0, |last| last.id) + RESERVE
    }

    /// The run it writes.
    pub(crate) const fn run(&self) -> RunId {
        self.run
    }

    /// Whether another replica was asked to stop this run.
    pub(crate) const fn cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// The agent whose events follow, and the call by which it was asked.
    pub(crate) fn set_agent(&mut self, agent: &str, scope: Option<AgentScope>) {
        agent.clone_into(&mut self.agent);
        self.scope = scope;
    }

    /// How long until [`Self::flush`] is due.
    pub(crate) fn due_in(&self) -> Duration {
        let pause = if self.unflushed.is_empty() {
            RENEW
        } else {
            self.policy.every()
        };
        (self.flushed_at + pause).saturating_sub(self.ambient.clock.monotonic())
    }

    /// Adds an event; flushes when that is due.
    pub(crate) async fn emit(&mut self, what: What) -> Result<(), Lost> {
        if self.next_id > self.ids_until {
            self.flush().await?;
        }
        let event = self.number(what);
        if self.policy == FlushPolicy::AfterReaders {
            self.fan_out
                .publish(self.tenant, self.run, std::slice::from_ref(&event))
                .await;
        }
        self.unflushed.push(event);
        if self.due_in().is_zero() {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Writes what waits and renews the lease. Tries again while the lease lasts.
    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        let mut pause = Duration::from_millis(50);
        loop {
            let now = self.ambient.now();
            let flush = Flush {
                events: self.unflushed.clone(),
                ids_until: self.ids_until.max(self.next_id.saturating_sub(1) + RESERVE),
                active_agent: self.agent.clone(),
                lease_until: now.plus(LEASE),
                used: self.meter.unstored(),
            };
            let began = self.ambient.clock.monotonic();
            match self.runs.flush(self.tenant, self.run, self.epoch, &flush).await {
                Ok(Flushed::Kept { cancel_requested }) => {
                    self.ids_until = flush.ids_until;
                    self.meter.stored();
                    self.cancel_requested |= cancel_requested;
                    self.flushed_at = self.ambient.clock.monotonic();
                    self.lease_ends = began + LEASE;
                    self.show_flushed().await;
                    return Ok(());
                }
                Ok(Flushed::Lost) => return Err(Lost),
                Err(fault) => self.wait_after(&fault, &mut pause).await?,
            }
        }
    }

    /// Ends the run: `last` ends with the terminal event, which readers see only once it is stored.
    pub(crate) async fn finish(
        mut self,
        last: Vec<What>,
        mut finish: Finish,
        announced: &[Event],
    ) -> Result<(), Lost> {
        for what in last {
            let event = self.number(what);
            finish.events.push(event);
        }
        let shown_after = finish.events.clone();
        let mut unflushed = std::mem::take(&mut self.unflushed);
        unflushed.append(&mut finish.events);
        finish.events = unflushed;
        self.write_end(&finish, announced).await?;
        let unseen = match self.policy {
            FlushPolicy::BeforeReaders => &finish.events,
            FlushPolicy::AfterReaders => &shown_after,
        };
        self.fan_out.publish(self.tenant, self.run, unseen).await;
        self.fan_out.close(self.tenant, self.run).await;
        Ok(())
    }

    /// Lets the run wait. `checkpoint` is given the id that the next event will have.
    pub(crate) async fn pause(
        mut self,
        last: Vec<What>,
        mut pause: Pause,
        checkpoint: impl FnOnce(u64) -> Result<String, Fault>,
        announced: &[Event],
    ) -> Result<(), Lost> {
        let last: Vec<_> = last.into_iter().map(|what| self.number(what)).collect();
        pause.events = [std::mem::take(&mut self.unflushed), last.clone()].concat();
        pause.checkpoint = checkpoint(self.next_id).map_err(|_corrupt| Lost)?;
        let mut wait = Duration::from_millis(50);
        loop {
            // Repeating it is harmless, so an answer that was lost is asked for again.
            let written = self
                .runs
                .pause(self.tenant, self.run, self.epoch, &pause, announced);
            match written.await {
                Ok(true) => break,
                Ok(false) => return Err(Lost),
                Err(fault) => self.wait_after(&fault, &mut wait).await?,
            }
        }
        let unseen = match self.policy {
            FlushPolicy::BeforeReaders => &pause.events,
            FlushPolicy::AfterReaders => &last,
        };
        self.fan_out.publish(self.tenant, self.run, unseen).await;
        self.fan_out.close(self.tenant, self.run).await;
        Ok(())
    }

    async fn write_end(&self, finish: &Finish, announced: &[Event]) -> Result<(), Lost> {
        let mut pause = Duration::from_millis(50);
        let mut in_doubt = false;
        loop {
            let written = self
                .runs
                .finish(self.tenant, self.run, self.epoch, finish, announced)
                .await;
            let written = match written {
                Ok(false) if in_doubt => self.holds_end(finish).await,
                known => known,
            };
            match written {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Lost),
                Err(fault) => {
                    in_doubt = true;
                    self.wait_after(&fault, &mut pause).await?;
                }
            }
        }
    }

    /// Whether an attempt whose answer was lost did end the run: then its last event stands in the log.
    async fn holds_end(&self, finish: &Finish) -> Result<bool, Fault> {
        let Some(last) = finish.events.last() else {
            return Ok(false);
        };
        let before = last.id.saturating_sub(1);
        let found = self.runs.read_log(self.tenant, self.run, before, 1).await?;
        Ok(found.first() == Some(last))
    }

    async fn show_flushed(&mut self) {
        let flushed = std::mem::take(&mut self.unflushed);
        let Some(last) = flushed.last() else { return };
        if self.policy == FlushPolicy::BeforeReaders {
            self.fan_out.publish(self.tenant, self.run, &flushed).await;
        }
        self.fan_out.trim(self.tenant, self.run, last.id).await;
    }

    /// A store that is gone for a whole lease has let the run go to somebody else.
    async fn wait_after(&self, fault: &Fault, pause: &mut Duration) -> Result<(), Lost> {
        let source = cause_of(fault);
        tracing::warn!(run = %self.run, source, "{fault}; the run's log waits");
        if self.ambient.clock.monotonic() + *pause >= self.lease_ends {
            return Err(Lost);
        }
        self.ambient.sleep(*pause).await;
        *pause = (*pause * 2).min(Duration::from_secs(2));
        Ok(())
    }

    fn number(&mut self, what: What) -> RunEvent {
        let id = self.next_id;
        self.next_id += 1;
        RunEvent {
            id,
            at: self.ambient.now(),
            agent: Some(self.agent.clone()),
            scope: self.scope.clone().map(Box::new),
            what,
        }
    }
}
