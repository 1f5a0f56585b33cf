//! The contract of runs; runs under many writers, and what their SQL makes of odd texts and logs.

use std::sync::Arc;

use chancery_agents::{Begun, Finish, Flush, Flushed, LEASE, NewRun, RunEvent, RunStatus, RunStore};
use chancery_ambient::Ambient;
use chancery_conversations::contract::Turn;
use chancery_conversations::{
    Conversation, ConversationStore, ConversationSystemStore, DeleteRefused, ListFilter, Message,
    MessageStatus, Order,
};
use chancery_events::{Event, EventKind, OutboxStore};
use chancery_ids::{Limit, RunId};
use chancery_store_sql::{SqlConversations, SqlOutbox, SqlRuns};
use tokio::task::JoinSet;

use crate::{
    support::Fresh,
    turns::{begin, event, finish, ids, later, new_run, now, run_ids, turn},
};

/// The contracts and each of these functions as tests of either engine.
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        on_both_engines!(@engine sqlite, fresh_sqlite, $($test)*);
        on_both_engines!(@engine postgres, fresh_postgres, $($test)*);
    };
    (@engine $engine:ident, $fresh:ident, $($test:ident)*) => {
        mod $engine {
            use crate::{
                support::$fresh,
                turns::{all_runs, approvals, logs, runs},
            };

            chancery_agents::run_store_contract!(async { runs($fresh().await.until_the_test_ends()) });
            chancery_agents::named_turns_contract!(async { runs($fresh().await.until_the_test_ends()) });
            chancery_agents::run_system_store_contract!(async { all_runs($fresh().await.until_the_test_ends()) });
            chancery_agents::run_log_system_store_contract!(async { logs($fresh().await.until_the_test_ends()) });
            chancery_agents::approval_store_contract!(async { approvals($fresh().await.until_the_test_ends()) });

            mod under_load_and_at_the_edges {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::super::$test(super::super::Stores::new(super::$fresh().await)).await;
                })*
            }
        }
    };
}

on_both_engines!(
    of_sixty_four_first_turns_one_begins,
    positions_have_no_gaps_under_many_writers,
    beginning_and_ending_never_wait_for_each_other,
    a_busy_conversation_keeps_nothing_of_the_refused_turn,
    beginning_again_gives_the_same_answer,
    an_end_is_announced_once,
    a_run_without_an_answer_ends,
    the_reservation_never_shrinks,
    a_log_is_read_from_any_event_on,
    a_repeated_flush_is_read_once,
    runs_are_listed_in_order_whatever_their_ids,
    text_that_postgres_cannot_keep_ends_no_run,
    deleting_takes_all_of_a_conversation_and_nothing_else,
    forgetting_takes_all_of_a_conversation_and_nothing_else,
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

    async fn flush(&self, run: &NewRun, events: Vec<RunEvent>, ids_until: u64) -> Flushed {
        let flush = Flush {
            events,
            ids_until,
            active_agent: "triage".to_owned(),
            lease_until: later(15),
            used: None,
        };
        self.runs.flush(run.tenant, run.id, 1, &flush).await.unwrap()
    }

    async fn finish(&self, run: &NewRun, end: &Finish) -> bool {
        self.runs.finish(run.tenant, run.id, 1, end, &[]).await.unwrap()
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
    let beginnings = (0..64).map(|_| {
        let (runs, run) = (stores.runs.clone(), new_run(&turn));
        async move { (run.id, runs.begin(&run).await.unwrap()) }
    });
    let begun: Vec<(RunId, Begun)> = beginnings.collect::<JoinSet<_>>().join_all().await;
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

async fn positions_have_no_gaps_under_many_writers(stores: Stores) {
    let turns: Vec<Turn> = (0..8).map(|n| turn(&n.to_string())).collect();
    let writers = turns
        .iter()
        .flat_map(|turn| std::iter::repeat_n(turn.clone(), 4))
        .map(|turn| {
            let runs = stores.runs.clone();
            async move {
                let mut left = 5;
                while left > 0 {
                    let run = new_run(&turn);
                    if matches!(runs.begin(&run).await.unwrap(), Begun::Started { .. }) {
                        let end = finish(RunStatus::Completed, "y", later(left));
                        assert!(runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
                        left -= 1;
                    }
                }
            }
        });
    writers.collect::<JoinSet<()>>().join_all().await;
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
        async move {
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
                        used: None,
                    };
                    assert_eq!(runs.flush(run.tenant, run.id, 1, &flush).await.unwrap(), KEPT);
                    let end = finish(RunStatus::Completed, "y", now());
                    assert!(runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
                }
            }
        }
    });
    workers.collect::<JoinSet<()>>().join_all().await;
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
            .finish(&earlier, &finish(RunStatus::Completed, "y", now()))
            .await
    );
    let run = new_run(&turn);
    let begun = stores.runs.begin(&run).await.unwrap();
    assert_eq!(stores.runs.begin(&run).await.unwrap(), begun);
    assert!(matches!(begun, Begun::Started { position: 2, .. }));
    assert!(
        stores
            .finish(&run, &finish(RunStatus::Completed, "y", now()))
            .await
    );
    assert_eq!(stores.runs.begin(&run).await.unwrap(), begun);
    begin(&*stores.runs, &new_run(&turn)).await;
    assert_eq!(stores.runs.begin(&run).await.unwrap(), begun);
    assert_eq!(stores.messages(&turn).await.len(), 5);
    assert_eq!(ids(&stores.log(&run, 0, 10).await), [1, 50]);
}

async fn an_end_is_announced_once(stores: Stores) {
    let (turn, ambient) = (turn("a"), Ambient::system());
    let run = new_run(&turn);
    begin(&*stores.runs, &run).await;
    let announce = |kind| Event::new(&ambient, run.tenant, kind, run.id.to_string());
    let (completed, failed) = (announce(EventKind::RunCompleted), announce(EventKind::RunFailed));
    for (epoch, status, event, counts) in [
        (2, RunStatus::Failed, &failed, false),
        (1, RunStatus::Completed, &completed, true),
        (1, RunStatus::Completed, &completed, false),
        (1, RunStatus::Failed, &failed, false),
    ] {
        let end = finish(status, "y", now());
        let ended = stores
            .runs
            .finish(run.tenant, run.id, epoch, &end, std::slice::from_ref(event));
        assert_eq!(ended.await.unwrap(), counts);
    }
    let outbox = SqlOutbox::new(stores.fresh.database());
    assert_eq!(outbox.claim(ambient.now(), LEASE, 10).await.unwrap(), [completed]);
    assert_eq!(stores.messages(&turn).await.len(), 2);
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
    assert!(stores.finish(&run, &end).await);
    let after = Conversation {
        active_agent: "code_assistant".to_owned(),
        ..before
    };
    assert_eq!(stores.find(&turn).await.unwrap(), after);
    assert_eq!(begin(&*stores.runs, &new_run(&turn)).await, 1);
    assert_eq!(stores.messages(&turn).await[0].status, MessageStatus::Incomplete);
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
    assert_eq!(stores.flush(&run, vec![], 300).await, KEPT);
    assert_eq!(stores.flush(&run, vec![], 200).await, KEPT);
    assert_eq!(reserved().await, 300);
    let end = Finish {
        events: vec![event(400, "!")],
        ..finish(RunStatus::Completed, "y", now())
    };
    assert!(stores.finish(&run, &end).await);
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
        assert_eq!(stores.flush(&run, events, 1000).await, KEPT);
        assert_eq!(stores.flush(&run, vec![], 1000).await, KEPT);
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
        assert_eq!(stores.flush(&run, events, 100).await, KEPT);
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
                .finish(run, &finish(RunStatus::Completed, "y", now()))
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

async fn text_that_postgres_cannot_keep_ends_no_run(stores: Stores) {
    let turn = Turn {
        text: "a\0b".to_owned(),
        ..turn("a")
    };
    let run = new_run(&turn);
    begin(&*stores.runs, &run).await;
    // Longer than what Postgres makes a vector of, and all words differ.
    let long = (0..400_000)
        .map(|n| format!("w{n}"))
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        stores
            .finish(
                &run,
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
    takes_all_and_nothing_else(stores, async |threads, gone| {
        let deleted = threads.delete(gone.tenant, gone.owner, &gone.key, &[]).await;
        assert!(deleted.unwrap());
    })
    .await;
}

async fn forgetting_takes_all_of_a_conversation_and_nothing_else(stores: Stores) {
    takes_all_and_nothing_else(stores, async |threads, gone| {
        let found = threads.find(gone.tenant, gone.owner, &gone.key).await;
        let id = found.unwrap().unwrap().id;
        let deleted = threads.delete_old(gone.tenant, id, later(1), &[]).await;
        assert!(deleted.unwrap());
    })
    .await;
}

async fn takes_all_and_nothing_else(stores: Stores, delete: impl AsyncFn(&SqlConversations, &Turn)) {
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
                .finish(&run, &finish(RunStatus::Completed, "y", now()))
                .await
        );
        runs.push(run);
    }
    let conversation = stores.find(&gone).await.unwrap().id;
    delete(&stores.conversations, &gone).await;
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
        "{:X}{:X}",
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
