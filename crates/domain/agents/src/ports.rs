//! What runs ask of storage and of the fan-out. The port to models stands in `model.rs`.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{ApprovalId, ConversationId, RunId, TenantId, UserId};
use futures::stream::BoxStream;

use crate::{
    Approval, ApprovalState, Begun, Finish, Flush, Flushed, NewRun, Pause, Run, RunEvent, Settled, Settlement,
};

/// Keeps runs, their log and, in the same changes, the messages of their conversation.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Stores the person's message (status `pending`), the run (`running`, epoch 1) and the first events.
    ///
    /// MUST be one change. MUST make the conversation of (tenant, owner, key) when there is none, whatever conversations of
    /// others have that key. MUST NOT begin a second live run of a conversation, however many callers: all but one get
    /// [`Begun::Busy`] and leave nothing. MUST be safe to repeat with the same run id. MUST give messages positions
    /// without gaps. MUST, with a claim, claim its (tenant, principal, route, key) in the same change: of several turns, exactly one
    /// begins, the same one again gets [`Begun::Repeated`] with its run, another gets [`Begun::KeyReused`], both whatever else is
    /// going on in the conversation. MUST NOT keep the claim of a turn that did not begin.
    async fn begin(&self, run: &NewRun) -> Result<Begun, Fault>;

    /// Adds events to the log and renews the lease, if the run is live and its epoch is `epoch`.
    ///
    /// MUST be one change, conditional on both. MUST be safe to repeat: events that the log holds are not added again. MUST keep
    /// what the run has used, for whoever takes it over, until it ends.
    async fn flush(&self, tenant: TenantId, run: RunId, epoch: u64, flush: &Flush) -> Result<Flushed, Fault>;

    /// Ends a live run of this epoch: last events, answer, the person's message (`completed` when the run completed, else
    /// `incomplete`; the answer likewise), conversation, announced events. `false` when it is no longer this epoch's.
    ///
    /// MUST be one change, conditional on status and epoch.
    async fn finish(
        &self,
        tenant: TenantId,
        run: RunId,
        epoch: u64,
        finish: &Finish,
        events: &[Event],
    ) -> Result<bool, Fault>;

    /// Lets a live run of this epoch wait: last events, what it waits for, its checkpoint, announced events. The lease lasts as
    /// long as the wait may. `false` when it is no longer this epoch's.
    ///
    /// MUST be one change, conditional on status and epoch. MUST be safe to repeat with the same approval. What the run has used is
    /// kept as a flush keeps it.
    async fn pause(
        &self,
        tenant: TenantId,
        run: RunId,
        epoch: u64,
        pause: &Pause,
        events: &[Event],
    ) -> Result<bool, Fault>;

    /// Takes over a running run whose lease ended before `now`: raises the epoch, sets the lease. `None` when it is not so, also
    /// when it waits.
    ///
    /// MUST let exactly one of several concurrent callers take it.
    async fn take_over(
        &self,
        tenant: TenantId,
        run: RunId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, Fault>;

    /// The owner's run.
    ///
    /// MUST answer `None` for a run of another tenant or another person.
    async fn find(&self, tenant: TenantId, owner: UserId, run: RunId) -> Result<Option<Run>, Fault>;

    /// Up to `limit` events of the log with an id above `after`, in order. MUST NOT give a part of what a flush wrote.
    async fn read_log(
        &self,
        tenant: TenantId,
        run: RunId,
        after: u64,
        limit: u16,
    ) -> Result<Vec<RunEvent>, Fault>;

    /// Runs of a conversation, oldest first, those begun after `after`; at most `limit`.
    async fn list_of_conversation(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        after: Option<RunId>,
        limit: u16,
    ) -> Result<Vec<Run>, Fault>;

    /// Notes that the owner wants the run to stop; gives the run as it then is. Nothing changes when it has ended.
    async fn request_cancel(&self, tenant: TenantId, owner: UserId, run: RunId)
    -> Result<Option<Run>, Fault>;
}

/// Keeps what runs wait for.
#[async_trait]
pub trait ApprovalStore: Send + Sync {
    /// The owner's approval; `None` for one of another tenant or another person.
    async fn find_approval(
        &self,
        tenant: TenantId,
        owner: UserId,
        approval: ApprovalId,
    ) -> Result<Option<Approval>, Fault>;

    /// The owner's pending approvals that have not expired at `now`, oldest first; at most `limit`.
    async fn list_pending(
        &self,
        tenant: TenantId,
        owner: UserId,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Approval>, Fault>;

    /// Settles a pending approval of the owner's and takes its run: the epoch is raised, the lease set.
    ///
    /// MUST be one change. MUST let exactly one of several concurrent callers, of [`ApprovalStore::take_back`] too, have it. MUST
    /// NOT settle one whose time is over at the settlement's time, or whose run was asked to stop.
    async fn settle(
        &self,
        tenant: TenantId,
        owner: UserId,
        approval: ApprovalId,
        settlement: &Settlement,
        events: &[Event],
    ) -> Result<Settled, Fault>;

    /// Closes a pending approval as `state` and takes its run, to be ended. `None` when it is not pending.
    ///
    /// MUST be one change.
    async fn take_back(
        &self,
        tenant: TenantId,
        approval: ApprovalId,
        state: ApprovalState,
        at: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, Fault>;
}

/// What recovery looks up. Cross-tenant on purpose (ARCHITECTURE.md lists it).
#[async_trait]
pub trait RunSystemStore: Send + Sync {
    /// Running runs whose lease ended before `leases_before`, and waiting ones whose time ended before `now`; at most `limit`,
    /// oldest first.
    async fn list_abandoned(
        &self,
        leases_before: Timestamp,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Run>, Fault>;

    /// Running runs that were asked to stop; at most `limit`. One that waits for a person is ended by whoever is asked.
    async fn list_to_stop(&self, limit: u16) -> Result<Vec<RunId>, Fault>;

    /// Forgets the names of turns that began before `before`; how many. Their runs stay.
    async fn prune_claims(&self, before: Timestamp) -> Result<u64, Fault>;
}

/// Carries events of live runs to their readers before they are in the log. Losing it loses speed, not events.
#[async_trait]
pub trait RunFanOut: Send + Sync {
    /// Shows events to every reader, in order, and keeps them until they are trimmed.
    async fn publish(&self, tenant: TenantId, run: RunId, events: &[RunEvent]);

    /// Forgets events up to and with `through`: they are in the log.
    async fn trim(&self, tenant: TenantId, run: RunId, through: u64);

    /// The run has ended: readers that have read everything are told.
    async fn close(&self, tenant: TenantId, run: RunId);

    /// Follows a run. `None` when it is not carried here: read the log instead.
    ///
    /// MUST lose nothing between `kept` and `live`. MUST NOT wait for a reader: one that is [`READER_BUFFER`] events behind
    /// gets [`Followed::CutOff`] and nothing more.
    async fn follow(&self, tenant: TenantId, run: RunId) -> Option<Following>;
}

/// How many events wait for a reader before it is cut off.
pub const READER_BUFFER: usize = 256;

/// A reader's view of a live run.
pub struct Following {
    /// What was published and not trimmed yet.
    pub kept: Vec<RunEvent>,
    /// What comes. Ends when the run is closed.
    pub live: BoxStream<'static, Followed>,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// The next event.
    Event(RunEvent),
    /// The reader was too slow; the stream ends here.
    CutOff,
}
