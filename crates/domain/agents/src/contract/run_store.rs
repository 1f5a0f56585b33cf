//! The MUST clauses of [`RunStore`].
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::sync::Arc;

use chancery_conversations::{ConversationStore, MessageStatus, Role};
use futures::future::{join, join_all};

use super::turns::{KEPT, Person, event, finish, flush, second};
use crate::{Begun, Flush, Flushed, RunStatus, RunStore};

/// Two views of one storage with nothing in it.
pub struct Harness {
    /// What is tested.
    pub runs: Arc<dyn RunStore>,
    /// Reads the messages that runs write.
    pub conversations: Arc<dyn ConversationStore>,
}

/// Beginning leaves the person's message, the run and its first events, all at once.
pub async fn a_beginning_stores_message_run_and_events(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    let run = harness
        .runs
        .find(ada.tenant, ada.owner, new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (run.status, run.epoch, run.ids_until),
        (RunStatus::Running, 1, 100)
    );
    assert_eq!(
        (run.lease_until, run.started_at, run.ended_at),
        (new.lease_until, new.at, None)
    );
    assert_eq!(
        (run.entry_agent.as_str(), run.active_agent.as_str()),
        ("triage", "triage")
    );
    assert!(!run.cancel_requested);
    assert_eq!(ada.ids(&new).await, [1]);
    let messages = ada.messages("a").await;
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].id, messages[0].run), (new.user_message, new.id));
    assert_eq!(
        (messages[0].role, messages[0].status),
        (Role::User, MessageStatus::Pending)
    );
    assert_eq!(messages[0].content, new.text);
}

/// A key names a conversation of one person in one tenant, whoever else uses it.
pub async fn the_same_key_of_others_is_another_conversation(harness: &Harness) {
    let ada = Person::new(harness);
    let mut conversations = Vec::new();
    for person in [&ada, &ada.colleague(), &Person::new(harness)] {
        let new = person.begin("same").await;
        let run = harness
            .runs
            .find(person.tenant, person.owner, new.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(person.messages("same").await.len(), 1);
        assert!(!conversations.contains(&run.conversation));
        conversations.push(run.conversation);
    }
}

/// Of sixteen turns begun at once one begins; the others learn which and leave nothing.
pub async fn one_run_of_a_conversation_is_live(harness: &Harness) {
    let ada = Person::new(harness);
    ada.answered("a").await;
    let turns: Vec<_> = (0..16).map(|_| ada.turn("a", second(0))).collect();
    let begun = join_all(turns.iter().map(|turn| harness.runs.begin(turn))).await;
    let mut started = Vec::new();
    let mut busy = Vec::new();
    for (turn, begun) in turns.iter().zip(begun) {
        match begun.unwrap() {
            Begun::Started { .. } => started.push(turn.id),
            Begun::Busy(other) => busy.push(other.id),
            other @ (Begun::Repeated(_) | Begun::KeyReused) => unreachable!("{other:?}"),
        }
    }
    assert_eq!(started.len(), 1);
    assert_eq!(busy, vec![started[0]; 15]);
    assert_eq!(ada.messages("a").await.len(), 3);
    for turn in turns.iter().filter(|turn| turn.id != started[0]) {
        assert_eq!(
            harness.runs.find(ada.tenant, ada.owner, turn.id).await.unwrap(),
            None
        );
        assert_eq!(ada.ids(turn).await, [0; 0]);
    }
}

/// Beginning the same run again changes nothing and answers the same.
pub async fn beginning_again_is_harmless(harness: &Harness) {
    let ada = Person::new(harness);
    let turn = ada.turn("a", second(0));
    let first = harness.runs.begin(&turn).await.unwrap();
    assert_eq!(harness.runs.begin(&turn).await.unwrap(), first);
    assert_eq!(ada.messages("a").await.len(), 1);
    assert_eq!(ada.ids(&turn).await, [1]);
}

/// Positions count from 0 without gaps, over turns that were answered, failed and left no answer.
pub async fn positions_have_no_gaps(harness: &Harness) {
    let ada = Person::new(harness);
    ada.answered("a").await;
    let silent = ada.begin("a").await;
    assert!(
        ada.finish(&silent, 1, &finish(RunStatus::Failed, None, vec![]))
            .await
    );
    ada.answered("a").await;
    let next = harness.runs.begin(&ada.turn("a", second(0))).await.unwrap();
    assert!(matches!(next, Begun::Started { position: 5, .. }), "{next:?}");
    let positions: Vec<u64> = ada
        .messages("a")
        .await
        .iter()
        .map(|message| message.position)
        .collect();
    assert_eq!(positions, [0, 1, 2, 3, 4, 5]);
}

/// A flush adds events, reserves ids, names the agent and renews the lease, all at once.
pub async fn a_flush_adds_events_and_renews_the_lease(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    let more = Flush {
        ids_until: 500,
        active_agent: "data_analyst".to_owned(),
        ..flush([2, 3])
    };
    assert_eq!(ada.flush(&new, 1, &more).await, KEPT);
    assert_eq!(
        ada.flush(
            &new,
            1,
            &Flush {
                ids_until: 500,
                ..flush([])
            }
        )
        .await,
        KEPT
    );
    assert_eq!(ada.ids(&new).await, [1, 2, 3]);
    let run = harness
        .runs
        .find(ada.tenant, ada.owner, new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((run.ids_until, run.lease_until), (500, second(60)));
}

/// A flush of another epoch, or of a run that has ended, does nothing.
pub async fn a_flush_that_is_not_the_owners_is_lost(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    assert_eq!(ada.flush(&new, 2, &flush([2])).await, Flushed::Lost);
    let taken = harness
        .runs
        .take_over(ada.tenant, new.id, second(16), second(90))
        .await
        .unwrap();
    assert_eq!(taken.unwrap().epoch, 2);
    assert_eq!(ada.flush(&new, 1, &flush([2])).await, Flushed::Lost);
    assert!(
        !ada.finish(&new, 1, &finish(RunStatus::Completed, Some("late"), vec![]))
            .await
    );
    assert_eq!(ada.ids(&new).await, [1]);
    let run = harness
        .runs
        .find(ada.tenant, ada.owner, new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((run.lease_until, run.status), (second(90), RunStatus::Running));
    assert!(
        ada.finish(&new, 2, &finish(RunStatus::Failed, None, vec![]))
            .await
    );
    assert_eq!(ada.flush(&new, 2, &flush([7])).await, Flushed::Lost);
    assert_eq!(ada.ids(&new).await, [1, 2]);
}

/// A flush whose answer was lost is sent again as it was; its events are in the log once.
pub async fn a_repeated_flush_adds_nothing(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    for _ in 0..2 {
        assert_eq!(ada.flush(&new, 1, &flush([2, 3])).await, KEPT);
    }
    assert_eq!(ada.ids(&new).await, [1, 2, 3]);
}

/// The end of a run that completed: events, answer and the person's message, conversation.
pub async fn an_end_stores_everything_at_once(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.answered("a").await;
    let run = harness
        .runs
        .find(ada.tenant, ada.owner, new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (run.status, run.ended_at),
        (RunStatus::Completed, Some(second(30)))
    );
    assert_eq!(ada.ids(&new).await, [1, 2, 3]);
    let messages = ada.messages("a").await;
    assert_eq!(messages.len(), 2);
    assert!(
        messages
            .iter()
            .all(|message| message.status == MessageStatus::Completed)
    );
    assert_eq!(
        (messages[1].role, messages[1].content.as_str()),
        (Role::Assistant, "well")
    );
    assert_eq!(
        (messages[1].agent.as_deref(), messages[1].run),
        (Some("code_assistant"), new.id)
    );
    let found = harness
        .conversations
        .find(ada.tenant, ada.owner, &new.conversation_key)
        .await
        .unwrap();
    assert_eq!(found.unwrap().active_agent, "code_assistant");
}

/// A run that did not complete leaves both messages incomplete, the text that arrived kept.
pub async fn an_end_without_an_answer_leaves_an_incomplete_turn(harness: &Harness) {
    let ada = Person::new(harness);
    for (key, status) in [("a", RunStatus::Failed), ("b", RunStatus::Cancelled)] {
        let new = ada.begin(key).await;
        assert!(
            ada.finish(&new, 1, &finish(status, Some("half an ans"), vec![]))
                .await
        );
        let messages = ada.messages(key).await;
        assert_eq!(messages.len(), 2);
        assert!(
            messages
                .iter()
                .all(|message| message.status == MessageStatus::Incomplete)
        );
    }
}

/// Of two ends one counts; the other writes nothing.
pub async fn a_run_ends_once(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    let (one, other) = (
        finish(RunStatus::Completed, Some("one"), vec![]),
        finish(RunStatus::Failed, Some("other"), vec![]),
    );
    let (one, other) = join(ada.finish(&new, 1, &one), ada.finish(&new, 1, &other)).await;
    assert!(one ^ other);
    assert_eq!(ada.messages("a").await.len(), 2);
    assert_eq!(ada.ids(&new).await, [1, 2]);
}

/// Of many that take a run over at once one gets it, and only when its lease is over.
pub async fn one_of_many_takes_a_run_over(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    let early = harness
        .runs
        .take_over(ada.tenant, new.id, second(15), second(90))
        .await
        .unwrap();
    assert_eq!(early, None);
    let takers = (0..8).map(|_| harness.runs.take_over(ada.tenant, new.id, second(16), second(90)));
    let taken: Vec<_> = join_all(takers)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].id, taken[0].epoch, taken[0].lease_until),
        (new.id, 2, second(90))
    );
}

/// A run that has ended, or that is another tenant's, is not taken over.
pub async fn only_a_live_run_of_the_tenant_is_taken_over(harness: &Harness) {
    let ada = Person::new(harness);
    let (ended, live) = (ada.answered("a").await, ada.begin("b").await);
    let stranger = Person::new(harness);
    for (tenant, run) in [(ada.tenant, ended.id), (stranger.tenant, live.id)] {
        let taken = harness
            .runs
            .take_over(tenant, run, second(500), second(600))
            .await
            .unwrap();
        assert_eq!(taken, None);
    }
}

/// A run of somebody else is absent, for reading and for stopping.
pub async fn a_run_is_its_owners_in_its_tenant_alone(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    for other in [ada.colleague(), Person::new(harness)] {
        assert_eq!(
            harness
                .runs
                .find(other.tenant, other.owner, new.id)
                .await
                .unwrap(),
            None
        );
        let asked = harness
            .runs
            .request_cancel(other.tenant, other.owner, new.id)
            .await
            .unwrap();
        assert_eq!(asked, None);
    }
    let stranger = Person::new(harness);
    assert_eq!(
        harness
            .runs
            .read_log(stranger.tenant, new.id, 0, 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(ada.flush(&new, 1, &flush([])).await, KEPT);
}

/// A log is read from any event on, in order, in pages of any size.
pub async fn a_log_is_read_from_any_event_on(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    ada.flush(&new, 1, &flush(2..=5)).await;
    ada.flush(&new, 1, &flush(6..=9)).await;
    for after in 0..=10 {
        for limit in [1, 3, 100] {
            let page = harness
                .runs
                .read_log(new.tenant, new.id, after, limit)
                .await
                .unwrap();
            let expected: Vec<_> = (after + 1..=9).take(usize::from(limit)).map(event).collect();
            assert_eq!(page, expected, "after {after}, {limit}");
        }
    }
}

/// However long a flush is, and wherever the ids go on after it, as where the run was taken over: every event is read once, in order.
pub async fn a_long_flush_is_read_by_parts(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    ada.flush(&new, 1, &flush(2..=400)).await;
    ada.flush(&new, 1, &flush(20_000..=20_200)).await;
    for after in [0, 1, 127, 128, 129, 399, 400, 9_000, 20_127, 20_200] {
        for limit in [1, 128, 130, 1000] {
            let read = harness.runs.read_log(new.tenant, new.id, after, limit);
            let all = (1..=400).chain(20_000..=20_200).filter(|id| *id > after);
            let expected: Vec<_> = all.take(usize::from(limit)).map(event).collect();
            assert_eq!(read.await.unwrap(), expected, "after {after}, {limit}");
        }
    }
}

/// Whoever reads while a flush is written sees all of it or nothing.
pub async fn a_flush_is_seen_whole(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    let writing = async {
        for batch in 0..20 {
            let first = 2 + batch * 50;
            let batch = Flush {
                ids_until: 2000,
                ..flush(first..first + 50)
            };
            assert_eq!(ada.flush(&new, 1, &batch).await, KEPT);
        }
    };
    let reading = async {
        for _ in 0..40 {
            let seen = harness
                .runs
                .read_log(new.tenant, new.id, 1, 2000)
                .await
                .unwrap()
                .len();
            assert_eq!(seen % 50, 0, "{seen} events");
        }
    };
    join(writing, reading).await;
}

/// Runs of a conversation come in the order they were begun.
pub async fn runs_of_a_conversation_come_oldest_first(harness: &Harness) {
    let ada = Person::new(harness);
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(ada.answered("a").await.id);
    }
    ada.answered("b").await;
    let found = harness
        .runs
        .find(ada.tenant, ada.owner, runs[0])
        .await
        .unwrap()
        .unwrap();
    let list = async |after, limit| -> Vec<_> {
        let listed = harness
            .runs
            .list_of_conversation(ada.tenant, found.conversation, after, limit)
            .await;
        listed.unwrap().into_iter().map(|run| run.id).collect()
    };
    assert_eq!(list(None, 10).await, runs);
    assert_eq!(list(None, 2).await, runs[..2]);
    assert_eq!(list(Some(runs[0]), 10).await, runs[1..]);
    assert_eq!(list(Some(runs[2]), 10).await, []);
}

/// A wish to stop is seen by the next flush; on a run that has ended it changes nothing.
pub async fn a_wish_to_stop_reaches_the_next_flush(harness: &Harness) {
    let ada = Person::new(harness);
    let new = ada.begin("a").await;
    let asked = harness
        .runs
        .request_cancel(ada.tenant, ada.owner, new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(asked.status, RunStatus::Running);
    assert_eq!(
        ada.flush(&new, 1, &flush([])).await,
        Flushed::Kept {
            cancel_requested: true
        }
    );
    let ended = ada.answered("b").await;
    let asked = harness
        .runs
        .request_cancel(ada.tenant, ada.owner, ended.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (asked.status, asked.cancel_requested),
        (RunStatus::Completed, false)
    );
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Harness`] over storage with nothing in it.
#[macro_export]
macro_rules! run_store_contract {
    ($fresh:expr) => {
        $crate::run_store_contract!(@tests $fresh,
            a_beginning_stores_message_run_and_events, the_same_key_of_others_is_another_conversation,
            one_run_of_a_conversation_is_live, beginning_again_is_harmless, positions_have_no_gaps,
            a_flush_adds_events_and_renews_the_lease, a_flush_that_is_not_the_owners_is_lost,
            a_repeated_flush_adds_nothing, an_end_stores_everything_at_once,
            an_end_without_an_answer_leaves_an_incomplete_turn, a_run_ends_once, one_of_many_takes_a_run_over,
            only_a_live_run_of_the_tenant_is_taken_over, a_run_is_its_owners_in_its_tenant_alone,
            a_log_is_read_from_any_event_on, a_long_flush_is_read_by_parts, a_flush_is_seen_whole, runs_of_a_conversation_come_oldest_first,
            a_wish_to_stop_reaches_the_next_flush);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::run_store::$clause(&harness).await;
        }
    )*};
}
