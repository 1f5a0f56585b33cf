//! Turns of conversations, written as runs write them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chancery_agents::contract::{approval_store, run_log_system_store, run_store, run_system_store};
use chancery_agents::{
    Answer, Begun, Finish, ItemPlace, LEASE, NewRun, RunEvent, RunStatus, RunStore, Usage, What,
};
use chancery_ambient::{Ambient, Timestamp};
use chancery_conversations::contract::{Harness, Seeding, Turn, conversation_system_store};
use chancery_ids::{ConversationKey, RunId};
use chancery_store_sql::{Database, SqlConversations, SqlOutbox, SqlRuns};

/// The stores in `database`, as the contract of conversations wants them.
pub(crate) fn conversations(database: Database) -> Harness {
    Harness {
        conversations: Arc::new(SqlConversations::new(database.clone())),
        titles: Arc::new(SqlConversations::new(database.clone())),
        seeding: Arc::new(Seeds(SqlRuns::new(database.clone()))),
        outbox: Arc::new(SqlOutbox::new(database)),
    }
}

/// The same, as the contract of old conversations wants them.
pub(crate) fn old_conversations(database: Database) -> conversation_system_store::Scene {
    conversation_system_store::Scene {
        old: Arc::new(SqlConversations::new(database.clone())),
        harness: conversations(database),
    }
}

/// The same, as the contract of runs wants them.
pub(crate) fn runs(database: Database) -> run_store::Harness {
    run_store::Harness {
        runs: Arc::new(SqlRuns::new(database.clone())),
        conversations: Arc::new(SqlConversations::new(database)),
    }
}

/// The same, as the contract of abandoned runs wants them.
pub(crate) fn all_runs(database: Database) -> run_system_store::Harness {
    run_system_store::Harness {
        system: Arc::new(SqlRuns::new(database.clone())),
        stores: runs(database),
    }
}

/// The same, as the contract of old logs wants them.
pub(crate) fn logs(database: Database) -> run_log_system_store::Harness {
    run_log_system_store::Harness {
        logs: Arc::new(SqlRuns::new(database.clone())),
        stores: runs(database),
    }
}

/// The same, as the contract of approvals wants them.
pub(crate) fn approvals(database: Database) -> approval_store::Harness {
    approval_store::Harness {
        approvals: Arc::new(SqlRuns::new(database.clone())),
        system: Arc::new(SqlRuns::new(database.clone())),
        stores: runs(database),
    }
}

struct Seeds(SqlRuns);

#[async_trait]
impl Seeding for Seeds {
    async fn add_turn(&self, turn: &Turn) {
        let run = new_run(turn);
        begin(&self.0, &run).await;
        let end = finish(RunStatus::Completed, &turn.answer, turn.at);
        let end = Finish {
            active_agent: turn.agent.clone(),
            ..end
        };
        assert!(self.0.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
    }

    async fn begin_turn(&self, turn: &Turn) {
        begin(&self.0, &new_run(turn)).await;
    }
}

/// Begins a run, which must not be in another's way; the position of the message.
pub(crate) async fn begin(runs: &dyn RunStore, run: &NewRun) -> u64 {
    match runs.begin(run).await.unwrap() {
        Begun::Started { position, .. } => position,
        Begun::Busy(other) => panic!("{} is in the way", other.id),
        other @ (Begun::Repeated(_) | Begun::KeyReused) => panic!("{other:?}"),
    }
}

/// A turn of a new person of a new tenant.
pub(crate) fn turn(key: &str) -> Turn {
    let ambient = Ambient::system();
    Turn {
        tenant: ambient.new_id(),
        owner: ambient.new_id(),
        key: ConversationKey::parse(key).unwrap(),
        agent: "triage".to_owned(),
        text: "hello".to_owned(),
        answer: "hello to you".to_owned(),
        at: now(),
    }
}

/// A run of the turn, with one event.
pub(crate) fn new_run(turn: &Turn) -> NewRun {
    let ambient = Ambient::system();
    NewRun {
        id: ambient.new_id(),
        tenant: turn.tenant,
        owner: turn.owner,
        conversation_key: turn.key.clone(),
        new_conversation: ambient.new_id(),
        user_message: ambient.new_id(),
        text: turn.text.clone(),
        entry_agent: turn.agent.clone(),
        events: vec![event(1, "h")],
        ids_until: 100,
        at: turn.at,
        lease_until: turn.at.plus(LEASE),
        claim: None,
    }
}

/// The end of a run, with one event and an answer.
pub(crate) fn finish(status: RunStatus, answer: &str, at: Timestamp) -> Finish {
    Finish {
        events: vec![event(50, "!")],
        status,
        answer: Some(Answer {
            id: Ambient::system().new_id(),
            text: answer.to_owned(),
        }),
        active_agent: "triage".to_owned(),
        usage: Usage::default(),
        at,
    }
}

/// A piece of an answer.
pub(crate) fn event(id: u64, delta: &str) -> RunEvent {
    RunEvent {
        id,
        at: now(),
        agent: Some("triage".to_owned()),
        scope: None,
        what: What::MessageDelta {
            item: ItemPlace {
                output_index: 0,
                item_id: "msg_1".to_owned(),
            },
            delta: delta.to_owned(),
        },
    }
}

/// A moment; all tests are at the same.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000).unwrap()
}

/// `seconds` after it.
pub(crate) fn later(seconds: u64) -> Timestamp {
    now().plus(Duration::from_secs(seconds))
}

/// The ids of events.
pub(crate) fn ids(events: &[RunEvent]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}

/// The ids of runs.
pub(crate) fn run_ids(runs: &[chancery_agents::Run]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}
