//! Runs under many writers, and what their SQL makes of odd texts and logs. What the port promises is in its contract.

use std::sync::Arc;

use chancery_agents::{Begun, Finish, Flush, Flushed, NewRun, RunEvent, RunStatus, RunStore, RunSystemStore};
use chancery_ambient::Ambient;
use chancery_conversations::contract::Turn;
use chancery_conversations::{
    Conversation, ConversationStore, DeleteRefused, ListFilter, Message, MessageStatus, Order,
};
use chancery_events::{Event, EventKind, OutboxStore};
use chancery_ids::{Limit, RunId};
use chancery_store_sql::{SqlConversations, SqlOutbox, SqlRuns};
use futures::future::join_all;

use crate::{
    support::{Fresh, fresh_postgres, fresh_sqlite},
    turns::{begin, event, finish, ids, later, new_run, now, run_ids, turn},
};

/// Each function as a test of either engine.
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::Stores::new(super::fresh_sqlite().await)).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::Stores::new(super::fresh_postgres().await)).await;
            })*
        }
    };
}

on_both_engines!(
    of_sixty_four_first_turns_one_begins,
    a_key_of_others_is_untouched,
    positions_have_no_gaps_under_many_writers,
    beginning_and_ending_never_wait_for_each_other,
    a_busy_conversation_keeps_nothing_of_the_refused_turn,
    beginning_again_gives_the_same_answer,
    a_flush_after_a_take_over_is_lost,
    one_of_many_takes_a_run_over,
    a_run_ends_once,
    a_run_without_an_answer_ends,
    a_failed_run_leaves_its_turn_incomplete,
    the_reservation_never_shrinks,
    a_log_is_read_from_any_event_on,
    a_repeated_flush_is_read_once,
    runs_are_listed_in_order_whatever_their_ids,
    a_cancel_request_is_seen_by_the_next_flush,
    abandoned_runs_come_oldest_lease_first,
    text_that_postgres_cannot_keep_ends_no_run,
    deleting_takes_all_of_a_conversation_and_nothing_else,
    a_search_meets_nothing_of_others,
);

struct Stores {
    fresh: Fresh,
    runs: Arc<SqlRuns>,
    conversations: Arc<SqlConversations>,
}

impl Stores {
    fn new(fresh: Fresh) -> Self {
        Self {
            runs: Arc::new(SqlRuns::new(fresh.database())),
            conversations: Arc::new(SqlConversations::new(fresh.database())),
            fresh,
        }
    }

    async fn find(&self, turn: &Turn) -> Option<Conversation> {
        self.conversations
            .find(turn.tenant, turn.owner, &turn.key)
            .await
            .unwrap()
    }

    async fn messages(&self, turn: &Turn) -> Vec<Message> {
        let Some(found) = self.find(turn).await else {
            return Vec::new();
        };
        let page = self
            .conversations
            .list_messages(turn.tenant, found.id, Order::Asc, None, Limit::LARGEST);
        page.await.unwrap().items
    }

    async fn flush(&self, run: &NewRun, epoch: u64, events: Vec<RunEvent>, ids_until: u64) -> Flushed {
        let flush = Flush {
            events,
            ids_until,
            active_agent: "triage".to_owned(),
            lease_until: later(15),
        };
        self.runs.flush(run.tenant, run.id, epoch, &flush).await.unwrap()
    }

    async fn finish(&self, run: &NewRun, epoch: u64, end: &Finish) -> bool {
        self.runs
            .finish(run.tenant, run.id, epoch, end, &[])
            .await
            .unwrap()
    }

    async fn log(&self, run: &NewRun, after: u64, limit: u16) -> Vec<RunEvent> {
        self.runs
            .read_log(run.tenant, run.id, after, limit)
            .await
            .unwrap()
    }
}

const KEPT: Flushed = Flushed::Kept {
    cancel_requested: false,
};

async fn of_sixty_four_first_turns_one_begins(stores: Stores) {
    let turn = turn("new");
    let begun = join_all((0..64).map(|_| {
        let (runs, run) = (stores.runs.clone(), new_run(&turn));
        tokio::spawn(async move { (run.id, runs.begin(&run).await.unwrap()) })
    }));
    let begun: Vec<(RunId, Begun)> = begun.await.into_iter().map(Result::unwrap).collect();
    let started: Vec<_> = begun
        .iter()
        .filter(|(_, begun)| matches!(begun, Begun::Started { .. }))
        .collect();
    assert_eq!(started.len(), 1);
    for (_, begun) in &begun {
        assert!(!matches!(begun, Begun::Busy(other) if other.id != started[0].0));
    }
    assert_eq!(stores.messages(&turn).await.len(), 1);
    assert_eq!(stores.find(&turn).await.unwrap().message_count, 1);
}

async fn a_key_of_others_is_untouched(stores: Stores) {
    let ada = turn("same");
    let colleague = Turn {
        owner: Ambient::system().new_id(),
        ..ada.clone()
    };
    let elsewhere = Turn {
        tenant: Ambient::system().new_id(),
        ..ada.clone()
    };
    begin(&*stores.runs, &new_run(&ada)).await;
    let before = stores.find(&ada).await;
    for other in [&colleague, &elsewhere] {
        assert_eq!(begin(&*stores.runs, &new_run(other)).await, 0);
        assert_eq!(stores.messages(other).await.len(), 1);
    }
    assert_eq!(stores.find(&ada).await, before);
    assert_eq!(stores.messages(&ada).await.len(), 1);
}

async fn positions_have_no_gaps_under_many_writers(stores: Stores) {
    let turns: Vec<Turn> = (0..8).map(|n| turn(&n.to_string())).collect();
    let writers = turns
        .iter()
        .flat_map(|turn| std::iter::repeat_n(turn.clone(), 4))
        .map(|turn| {
            let runs = stores.runs.clone();
            tokio::spawn(async move {
                let mut left = 5;
                while left > 0 {
                    let run = new_run(&turn);
                    if matches!(runs.begin(&run).await.unwrap(), Begun::Started { .. }) {
                        let end = finish(RunStatus::Completed, "y", later(left));
                        assert!(runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
                        left -= 1;
                    }
                }
            })
        });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    for turn in &turns {
        let messages = stores.messages(turn).await;
        let positions: Vec<u64> = messages.iter().map(|message| message.position).collect();
        assert_eq!(positions, (0..40).collect::<Vec<_>>());
        assert!(messages.chunks(2).all(|pair| pair[0].run == pair[1].run));
        assert_eq!(stores.find(turn).await.unwrap().message_count, 40);
    }
}

/// Locks are taken in one order: no statement fails because two changes wait for each other.
async fn beginning_and_ending_never_wait_for_each_other(stores: Stores) {
    let turn = turn("contested");
    let workers = (0..6).map(|worker| {
        let (runs, conversations, turn) = (stores.runs.clone(), stores.conversations.clone(), turn.clone());
        tokio::spawn(async move {
            for round in 0..30 {
                let run = new_run(&turn);
                if worker == 0 && round % 5 == 0 {
                    let deleted = conversations
                        .delete(turn.tenant, turn.owner, &turn.key, &[])
                        .await;
                    assert!(
                        matches!(deleted, Ok(_) | Err(DeleteRefused::RunIsLive)),
                        "{deleted:?}"
                    );
                } else if matches!(runs.begin(&run).await.unwrap(), Begun::Started { .. }) {
                    let flush = Flush {
                        events: vec![event(2, "x")],
                        ids_until: 100,
                        active_agent: "triage".to_owned(),
                        lease_until: later(15),
                    };
                    assert_eq!(runs.flush(run.tenant, run.id, 1, &flush).await.unwrap(), KEPT);
                    let end = finish(RunStatus::Completed, "y", now());
                    assert!(runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
                }
            }
        })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
}

async fn a_busy_conversation_keeps_nothing_of_the_refused_turn(stores: Stores) {
    let turn = turn("a");
    let first = new_run(&turn);
    begin(&*stores.runs, &first).await;
    let before = stores.find(&turn).await;
    let second = NewRun {
        text: "again".to_owned(),
        at: later(60),
        ..new_run(&turn)
    };
    let refused = stores.runs.begin(&second).await.unwrap();
    assert!(
        matches!(&refused, Begun::Busy(live) if live.id == first.id),
        "{refused:?}"
    );
    assert_eq!(stores.find(&turn).await, before);
    assert_eq!(stores.messages(&turn).await.len(), 1);
    assert_eq!(
        stores
            .runs
            .find(turn.tenant, turn.owner, second.id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(stores.log(&second, 0, 10).await, []);
}

async fn beginning_again_gives_the_same_answer(stores: Stores) {
    let turn = turn("a");
    let earlier = new_run(&turn);
    begin(&*stores.runs, &earlier).await;
    assert!(
        stores
            .finish(&earlier, 1, &finish(RunStatus::Completed, "y", now()))
            .await
    );
    let run = new_run(&turn);
    let begun = stores.runs.begin(&run).await.unwrap();
    assert_eq!(stores.runs.begin(&run).await.unwrap(), begun);
    assert!(matches!(begun, Begun::Started { position: 2, .. }));
    assert!(
        stores
            .finish(&run, 1, &finish(RunStatus::Completed, "y", now()))
            .await
    );
    assert_eq!(stores.runs.begin(&run).await.unwrap(), begun);
    begin(&*stores.runs, &new_run(&turn)).await;
    assert_eq!(stores.runs.begin(&run).await.unwrap(), begun);
    assert_eq!(stores.messages(&turn).await.len(), 5);
    assert_eq!(ids(&stores.log(&run, 0, 10).await), [1, 50]);
}

async fn a_flush_after_a_take_over_is_lost(stores: Stores) {
    let turn = turn("a");
    let run = new_run(&turn);
    begin(&*stores.runs, &run).await;
    assert_eq!(stores.flush(&run, 1, vec![event(2, "e")], 100).await, KEPT);
    let taken = stores
        .runs
        .take_over(run.tenant, run.id, later(16), later(31))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((taken.epoch, taken.lease_until), (2, later(31)));
    assert_eq!(
        stores.flush(&run, 1, vec![event(3, "l")], 100).await,
        Flushed::Lost
    );
    assert!(
        !stores
            .finish(&run, 1, &finish(RunStatus::Completed, "y", now()))
            .await
    );
    assert_eq!(ids(&stores.log(&run, 0, 10).await), [1, 2]);
    assert_eq!(stores.messages(&turn).await.len(), 1);
    assert_eq!(stores.flush(&run, 2, vec![event(101, "l")], 200).await, KEPT);
    assert!(
        stores
            .finish(&run, 2, &finish(RunStatus::Failed, "y", now()))
            .await
    );
    assert_eq!(stores.flush(&run, 2, vec![], 200).await, Flushed::Lost);
}

async fn one_of_many_takes_a_run_over(stores: Stores) {
    let run = new_run(&turn("a"));
    begin(&*stores.runs, &run).await;
    let too_soon = stores
        .runs
        .take_over(run.tenant, run.id, later(15), later(31))
        .await
        .unwrap();
    assert_eq!(too_soon, None);
    let takers = join_all((0..32).map(|_| {
        let (runs, tenant, id) = (stores.runs.clone(), run.tenant, run.id);
        tokio::spawn(async move { runs.take_over(tenant, id, later(16), later(31)).await.unwrap() })
    }));
    let taken: Vec<_> = takers.await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].epoch, 2);
}

async fn a_run_ends_once(stores: Stores) {
    let turn = turn("a");
    let run = new_run(&turn);
    begin(&*stores.runs, &run).await;
    let (outbox, ambient) = (SqlOutbox::new(stores.fresh.database()), Ambient::system());
    let ends = join_all((0..16).map(|_| {
        let (runs, tenant, id) = (stores.runs.clone(), run.tenant, run.id);
        let event = Event::new(&ambient, tenant, EventKind::RunCompleted, "run");
        let end = finish(RunStatus::Completed, "done", later(1));
        tokio::spawn(async move { runs.finish(tenant, id, 1, &end, &[event]).await.unwrap() })
    }));
    let ended = ends
        .await
        .into_iter()
        .filter(|ended| *ended.as_ref().unwrap())
        .count();
    assert_eq!(ended, 1);
    assert_eq!(stores.messages(&turn).await.len(), 2);
    let events = outbox
        .claim(ambient.now(), chancery_agents::LEASE, 100)
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
    let conversation = stores.find(&turn).await.unwrap();
    assert_eq!(
        (conversation.message_count, conversation.updated_at),
        (2, later(1))
    );
    assert_eq!(conversation.last_message_preview, "done");
    let found = stores
        .runs
        .find(run.tenant, run.owner, run.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.status, found.ended_at),
        (RunStatus::Completed, Some(later(1)))
    );
}

async fn a_run_without_an_answer_ends(stores: Stores) {
    let turn = turn("a");
    let run = new_run(&turn);
    begin(&*stores.runs, &run).await;
    let before = stores.find(&turn).await.unwrap();
    let end = Finish {
        answer: None,
        events: Vec::new(),
        active_agent: "code_assistant".to_owned(),
        ..finish(RunStatus::Cancelled, "", later(9))
    };
    assert!(stores.finish(&run, 1, &end).await);
    let after = Conversation {
        active_agent: "code_assistant".to_owned(),
        ..before
    };
    assert_eq!(stores.find(&turn).await.unwrap(), after);
    assert_eq!(begin(&*stores.runs, &new_run(&turn)).await, 1);
    assert_eq!(stores.messages(&turn).await[0].status, MessageStatus::Incomplete);
}

async fn a_failed_run_leaves_its_turn_incomplete(stores: Stores) {
    let turn = turn("a");
    let run = new_run(&turn);
    begin(&*stores.runs, &run).await;
    assert_eq!(stores.messages(&turn).await[0].status, MessageStatus::Pending);
    assert!(
        stores
            .finish(&run, 1, &finish(RunStatus::Failed, "partia", now()))
            .await
    );
    let statuses: Vec<_> = stores
        .messages(&turn)
        .await
        .iter()
        .map(|message| message.status)
        .collect();
    assert_eq!(statuses, [MessageStatus::Incomplete; 2]);
}

async fn the_reservation_never_shrinks(stores: Stores) {
    let run = new_run(&turn("a"));
    begin(&*stores.runs, &run).await;
    let reserved = async || {
        stores
            .runs
            .find(run.tenant, run.owner, run.id)
            .await
            .unwrap()
            .unwrap()
            .ids_until
    };
    assert_eq!(reserved().await, 100);
    assert_eq!(stores.flush(&run, 1, vec![], 300).await, KEPT);
    assert_eq!(stores.flush(&run, 1, vec![], 200).await, KEPT);
    assert_eq!(reserved().await, 300);
    let end = Finish {
        events: vec![event(400, "!")],
        ..finish(RunStatus::Completed, "y", now())
    };
    assert!(stores.finish(&run, 1, &end).await);
    assert_eq!(reserved().await, 400);
}

async fn a_log_is_read_from_any_event_on(stores: Stores) {
    let run = new_run(&turn("a"));
    begin(&*stores.runs, &run).await;
    // More flushes than are read at once, of three events each but for the first.
    let mut all = run.events.clone();
    for flush in 0..90 {
        let events: Vec<_> = (0..3)
            .map(|n| event(flush * 3 + n + 2, &format!("{n} \"\u{e9}\0\\")))
            .collect();
        all.extend(events.clone());
        assert_eq!(stores.flush(&run, 1, events, 1000).await, KEPT);
        assert_eq!(stores.flush(&run, 1, vec![], 1000).await, KEPT);
    }
    assert_eq!(stores.log(&run, 0, u16::MAX).await, all);
    assert_eq!(stores.log(&run, 0, 0).await, []);
    assert_eq!(stores.log(&run, 271, 10).await, []);
    for after in [0, 1, 3, 100, 197, 270] {
        for limit in [1, 7, 192, 500] {
            let rest: Vec<_> = all
                .iter()
                .filter(|event| event.id > after)
                .take(usize::from(limit))
                .cloned()
                .collect();
            assert_eq!(
                stores.log(&run, after, limit).await,
                rest,
                "{limit} after {after}"
            );
        }
    }
    let elsewhere = Ambient::system().new_id();
    assert_eq!(stores.runs.read_log(elsewhere, run.id, 0, 10).await.unwrap(), []);
}

async fn a_repeated_flush_is_read_once(stores: Stores) {
    let run = new_run(&turn("a"));
    begin(&*stores.runs, &run).await;
    let (two, three, four) = (event(2, "a"), event(3, "b"), event(4, "c"));
    for events in [
        vec![two.clone(), three.clone()],
        vec![two.clone(), three.clone()],
        vec![two, three, four],
    ] {
        assert_eq!(stores.flush(&run, 1, events, 100).await, KEPT);
    }
    assert_eq!(ids(&stores.log(&run, 0, 10).await), [1, 2, 3, 4]);
    assert_eq!(ids(&stores.log(&run, 2, 10).await), [3, 4]);
}

async fn runs_are_listed_in_order_whatever_their_ids(stores: Stores) {
    let turn = turn("a");
    let mut drawn: Vec<NewRun> = (0..4).map(|_| new_run(&turn)).collect();
    drawn.reverse();
    for run in &drawn {
        begin(&*stores.runs, run).await;
        assert!(
            stores
                .finish(run, 1, &finish(RunStatus::Completed, "y", now()))
                .await
        );
    }
    let wanted: Vec<RunId> = drawn.iter().map(|run| run.id).collect();
    let conversation = stores.find(&turn).await.unwrap().id;
    let list = async |after, limit| {
        let listed = stores
            .runs
            .list_of_conversation(turn.tenant, conversation, after, limit)
            .await
            .unwrap();
        run_ids(&listed)
    };
    assert_eq!(list(None, 10).await, wanted);
    assert_eq!(list(None, 3).await, wanted[..3]);
    assert_eq!(list(Some(wanted[1]), 10).await, wanted[2..]);
    assert_eq!(list(Some(Ambient::system().new_id()), 10).await, []);
}

async fn a_cancel_request_is_seen_by_the_next_flush(stores: Stores) {
    let run = new_run(&turn("a"));
    begin(&*stores.runs, &run).await;
    let stranger = Ambient::system().new_id();
    assert_eq!(
        stores
            .runs
            .request_cancel(run.tenant, stranger, run.id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(stores.flush(&run, 1, vec![], 100).await, KEPT);
    let asked = stores
        .runs
        .request_cancel(run.tenant, run.owner, run.id)
        .await
        .unwrap()
        .unwrap();
    assert!(asked.cancel_requested);
    let kept = Flushed::Kept {
        cancel_requested: true,
    };
    assert_eq!(stores.flush(&run, 1, vec![], 100).await, kept);
    assert!(
        stores
            .finish(&run, 1, &finish(RunStatus::Cancelled, "y", now()))
            .await
    );
    let ended = stores
        .runs
        .request_cancel(run.tenant, run.owner, run.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.status, RunStatus::Cancelled);
}

async fn abandoned_runs_come_oldest_lease_first(stores: Stores) {
    let mut begun = Vec::new();
    for seconds in [3, 1, 2] {
        let run = NewRun {
            lease_until: later(seconds),
            ..new_run(&turn("a"))
        };
        begin(&*stores.runs, &run).await;
        begun.push(run);
    }
    let done = new_run(&turn("a"));
    begin(&*stores.runs, &done).await;
    assert!(
        stores
            .finish(&done, 1, &finish(RunStatus::Completed, "y", now()))
            .await
    );
    let abandoned = async |at, limit| run_ids(&stores.runs.list_abandoned(later(at), limit).await.unwrap());
    assert_eq!(abandoned(1, 10).await, []);
    assert_eq!(abandoned(3, 10).await, [begun[1].id, begun[2].id]);
    assert_eq!(abandoned(100, 2).await, [begun[1].id, begun[2].id]);
}

async fn text_that_postgres_cannot_keep_ends_no_run(stores: Stores) {
    let turn = Turn {
        text: "a\0b".to_owned(),
        ..turn("a")
    };
    let run = new_run(&turn);
    begin(&*stores.runs, &run).await;
    // Longer than what Postgres makes a vector of, and all words differ.
    let long: String = (0..400_000).map(|n| format!("w{n} ")).collect();
    assert!(
        stores
            .finish(
                &run,
                1,
                &finish(RunStatus::Completed, &format!("walrus\0 {long}"), now())
            )
            .await
    );
    let messages = stores.messages(&turn).await;
    assert_eq!(messages[0].content, "a\u{fffd}b");
    assert_eq!(messages[1].content, format!("walrus\u{fffd} {long}"));
    assert_eq!(hits(&stores, &turn, "walrus w7").await, ["a"]);
}

async fn deleting_takes_all_of_a_conversation_and_nothing_else(stores: Stores) {
    let (gone, stays) = (turn("gone"), turn("stays"));
    let stays = Turn {
        tenant: gone.tenant,
        owner: gone.owner,
        ..stays
    };
    let mut runs = Vec::new();
    for turn in [&gone, &stays, &gone] {
        let run = new_run(turn);
        begin(&*stores.runs, &run).await;
        assert!(
            stores
                .finish(&run, 1, &finish(RunStatus::Completed, "y", now()))
                .await
        );
        runs.push(run);
    }
    let conversation = stores.find(&gone).await.unwrap().id;
    assert!(
        stores
            .conversations
            .delete(gone.tenant, gone.owner, &gone.key, &[])
            .await
            .unwrap()
    );
    for run in [&runs[0], &runs[2]] {
        assert_eq!(
            stores.runs.find(run.tenant, run.owner, run.id).await.unwrap(),
            None
        );
        assert_eq!(stores.log(run, 0, 10).await, []);
    }
    let listed = stores
        .runs
        .list_of_conversation(gone.tenant, conversation, None, 10)
        .await
        .unwrap();
    assert_eq!(listed, []);
    assert_eq!(stores.messages(&stays).await.len(), 2);
    assert_eq!(ids(&stores.log(&runs[1], 0, 10).await), [1, 50]);
    assert_eq!(hits(&stores, &gone, "hello").await, ["stays"]);
}

/// Nobody finds a message by writing into their own what the index says of others.
async fn a_search_meets_nothing_of_others(stores: Stores) {
    let ada = turn("a");
    let scope = format!(
        "{}{}",
        ada.tenant.as_uuid().simple(),
        ada.owner.as_uuid().simple()
    );
    let mallory = Turn {
        text: format!("walrus {scope} content : scope"),
        ..turn("m")
    };
    for turn in [&ada, &mallory] {
        begin(&*stores.runs, &new_run(turn)).await;
    }
    assert_eq!(hits(&stores, &ada, "walrus").await, [""; 0]);
    assert_eq!(hits(&stores, &mallory, "walrus").await, ["m"]);
    for own in [
        scope.clone(),
        format!("hello {scope}"),
        mallory.tenant.to_string(),
    ] {
        assert_eq!(hits(&stores, &ada, &own).await, [""; 0], "{own}");
    }
}

async fn hits(stores: &Stores, turn: &Turn, query: &str) -> Vec<String> {
    let (all, limit) = (ListFilter::default(), Limit::LARGEST);
    let found = stores
        .conversations
        .search(turn.tenant, turn.owner, query, &all, None, limit)
        .await
        .unwrap();
    found
        .items
        .iter()
        .map(|hit| hit.conversation.key.as_str().to_owned())
        .collect()
}
