//! The MUST clauses of [`RunStore`]. Stores check no tenant or person: runs may be of any.
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "contract functions are assertions")]

use std::sync::Arc;

use chancery_ambient::Ambient;
use chancery_conversations::{ConversationStore, Message, MessageStatus, Order};
use chancery_ids::{ConversationKey, Limit};

use super::{delta, new_run};
use crate::{Answer, Begun, Finish, Flush, Flushed, LEASE, NewRun, RunStatus, RunStore, Usage};

/// The store and the reader of what it writes.
#[derive(Clone)]
pub struct Harness {
    /// Under test.
    pub runs: Arc<dyn RunStore>,
    /// Over the same storage.
    pub conversations: Arc<dyn ConversationStore>,
}

fn key() -> ConversationKey {
    ConversationKey::parse("thread").unwrap()
}

/// The same person's next turn in the same conversation.
fn next_turn(before: &NewRun) -> NewRun {
    NewRun {
        tenant: before.tenant,
        owner: before.owner,
        ..new_run(before.conversation_key.clone())
    }
}

fn flush(ids_until: u64) -> Flush {
    Flush {
        events: vec![delta(2, "second"), delta(3, "third")],
        ids_until,
        active_agent: "triage".to_owned(),
        lease_until: Ambient::system().now().plus(LEASE),
    }
}

fn finish(status: RunStatus, text: &str) -> Finish {
    let ambient = Ambient::system();
    Finish {
        events: vec![delta(50, "last")],
        status,
        answer: Some(Answer { id: ambient.new_id(), text: text.to_owned() }),
        active_agent: "triage".to_owned(),
        usage: Usage::default(),
        at: ambient.now(),
    }
}

async fn started(harness: &Harness, run: &NewRun) -> u64 {
    match harness.runs.begin(run).await.unwrap() {
        Begun::Started { position, .. } => position,
        Begun::Busy(other) => panic!("{} is in the way", other.id),
    }
}

async fn messages(harness: &Harness, run: &NewRun) -> Vec<Message> {
    let found = harness.conversations.find(run.tenant, run.owner, &run.conversation_key).await.unwrap();
    let Some(thread) = found else { return Vec::new() };
    let page = harness.conversations.list_messages(run.tenant, thread.id, Order::Asc, None, Limit::LARGEST);
    page.await.unwrap().items
}

/// Message, run and first events are there together.
pub async fn a_turn_begins_with_its_message_its_run_and_its_first_events(harness: Harness) {
    let run = new_run(key());
    assert_eq!(started(&harness, &run).await, 0);
    let stored = messages(&harness, &run).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored.first().map(|message| message.status), Some(MessageStatus::Pending));
    let found = harness.runs.find(run.tenant, run.owner, run.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.epoch, found.ids_until), (RunStatus::Running, 1, 100));
    assert_eq!(harness.runs.read_log(run.tenant, run.id, 0, 10).await.unwrap(), run.events);
}

/// A key that others use names a conversation of one's own.
pub async fn a_key_of_others_begins_a_conversation_of_ones_own(harness: Harness) {
    let mine = new_run(key());
    let colleague = NewRun { tenant: mine.tenant, ..new_run(key()) };
    let stranger = new_run(key());
    for run in [&mine, &colleague, &stranger] {
        assert_eq!(started(&harness, run).await, 0);
    }
    assert_eq!(messages(&harness, &mine).await.len(), 1);
}

/// Of many first turns at once one begins; the others leave nothing.
pub async fn of_many_turns_at_once_one_begins(harness: Harness) {
    let first = new_run(key());
    let turns: Vec<_> = (0..32).map(|_| next_turn(&first)).collect();
    let begun = futures::future::join_all(turns.iter().map(|turn| harness.runs.begin(turn))).await;
    let started = begun.iter().filter(|begun| matches!(begun, Ok(Begun::Started { .. }))).count();
    let busy = begun.iter().filter(|begun| matches!(begun, Ok(Begun::Busy(_)))).count();
    assert_eq!((started, busy), (1, 31));
    assert_eq!(messages(&harness, &first).await.len(), 1);
}

/// A retry after a timeout gets the same answer and adds nothing.
pub async fn beginning_again_adds_nothing(harness: Harness) {
    let run = new_run(key());
    assert_eq!(started(&harness, &run).await, started(&harness, &run).await);
    assert_eq!(messages(&harness, &run).await.len(), 1);
}

/// Positions count from zero, turn after turn.
pub async fn positions_have_no_gaps(harness: Harness) {
    let mut run = new_run(key());
    for turn in 0..3 {
        assert_eq!(started(&harness, &run).await, turn * 2);
        let end = finish(RunStatus::Completed, "answer");
        assert!(harness.runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
        run = next_turn(&run);
    }
    let positions: Vec<_> = messages(&harness, &run).await.iter().map(|message| message.position).collect();
    assert_eq!(positions, [0, 1, 2, 3, 4, 5]);
}

/// A flush of an older epoch, or of a run that has ended, writes nothing.
pub async fn a_flush_writes_only_for_the_holder_of_a_live_run(harness: Harness) {
    let run = new_run(key());
    started(&harness, &run).await;
    let kept = harness.runs.flush(run.tenant, run.id, 1, &flush(200)).await.unwrap();
    assert_eq!(kept, Flushed::Kept { cancel_requested: false });
    let after = run.lease_until.plus(LEASE).plus(LEASE);
    let taken = harness.runs.take_over(run.tenant, run.id, after, after.plus(LEASE)).await.unwrap().unwrap();
    assert_eq!(taken.epoch, 2);
    assert_eq!(harness.runs.flush(run.tenant, run.id, 1, &flush(300)).await.unwrap(), Flushed::Lost);
    assert_eq!(harness.runs.read_log(run.tenant, run.id, 0, 100).await.unwrap().len(), 3);
    let end = finish(RunStatus::Failed, "partial");
    assert!(harness.runs.finish(run.tenant, run.id, 2, &end, &[]).await.unwrap());
    assert_eq!(harness.runs.flush(run.tenant, run.id, 2, &flush(300)).await.unwrap(), Flushed::Lost);
}

/// A run ends once, by the holder of its epoch, with everything that belongs to the end.
pub async fn a_run_ends_once_and_whole(harness: Harness) {
    let run = new_run(key());
    started(&harness, &run).await;
    let end = finish(RunStatus::Completed, "the answer");
    assert!(!harness.runs.finish(run.tenant, run.id, 9, &end, &[]).await.unwrap());
    assert!(harness.runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
    assert!(!harness.runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
    let stored = messages(&harness, &run).await;
    assert!(stored.iter().all(|message| message.status == MessageStatus::Completed));
    assert_eq!(stored.last().map(|message| message.content.as_str()), Some("the answer"));
    let found = harness.runs.find(run.tenant, run.owner, run.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.ended_at), (RunStatus::Completed, Some(end.at)));
}

/// Of many who take an abandoned run over one gets it, and nobody gets one whose lease holds.
pub async fn one_of_many_takes_an_abandoned_run_over(harness: Harness) {
    let run = new_run(key());
    started(&harness, &run).await;
    let early = harness.runs.take_over(run.tenant, run.id, run.at, run.lease_until).await.unwrap();
    assert_eq!(early, None);
    let now = run.lease_until.plus(LEASE);
    let tries = (0..16).map(|_| harness.runs.take_over(run.tenant, run.id, now, now.plus(LEASE)));
    let taken = futures::future::join_all(tries).await.into_iter().filter(|taken| matches!(taken, Ok(Some(_)))).count();
    assert_eq!(taken, 1);
}

/// Another tenant's and a colleague's run is absent.
pub async fn a_run_of_others_is_absent(harness: Harness) {
    let run = new_run(key());
    started(&harness, &run).await;
    let other = new_run(key());
    assert_eq!(harness.runs.find(other.tenant, run.owner, run.id).await.unwrap(), None);
    assert_eq!(harness.runs.find(run.tenant, other.owner, run.id).await.unwrap(), None);
    assert_eq!(harness.runs.request_cancel(run.tenant, other.owner, run.id).await.unwrap(), None);
    assert_eq!(harness.runs.read_log(other.tenant, run.id, 0, 10).await.unwrap(), []);
}

/// A log is read from any event on, in order, as it was written.
pub async fn a_log_is_read_from_any_event_on(harness: Harness) {
    let run = new_run(key());
    started(&harness, &run).await;
    harness.runs.flush(run.tenant, run.id, 1, &flush(200)).await.unwrap();
    let ids = |after| {
        let harness = harness.clone();
        let (tenant, run) = (run.tenant, run.id);
        async move {
            let events = harness.runs.read_log(tenant, run, after, 100).await.unwrap();
            events.iter().map(|event| event.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids(0).await, [1, 2, 3]);
    assert_eq!(ids(2).await, [3]);
    assert!(ids(3).await.is_empty());
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Harness`] over empty storage.
#[macro_export]
macro_rules! run_store_contract {
    ($fresh:expr) => {
        $crate::run_store_contract!(@tests $fresh,
            a_turn_begins_with_its_message_its_run_and_its_first_events, a_key_of_others_begins_a_conversation_of_ones_own,
            of_many_turns_at_once_one_begins, beginning_again_adds_nothing, positions_have_no_gaps,
            a_flush_writes_only_for_the_holder_of_a_live_run, a_run_ends_once_and_whole,
            one_of_many_takes_an_abandoned_run_over, a_run_of_others_is_absent, a_log_is_read_from_any_event_on);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            $crate::contract::run_store::$clause($fresh.await).await;
        }
    )*};
}
