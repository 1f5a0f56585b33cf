//! A person who chats, for contracts.
#![expect(clippy::unwrap_used, reason = "contract functions are assertions")]

use std::time::Duration;

use chancery_ambient::{Ambient, Timestamp};
use chancery_conversations::{Message, Order};
use chancery_events::{Event, EventKind};
use chancery_ids::{ConversationKey, Limit, TenantId, UserId};

use super::run_store::Harness;
use crate::{
    Answer, Begun, FinalStatus, Finish, Flush, Flushed, IdempotencyKey, LEASE, LifecycleStatus, NewRun,
    RunEvent, RunStatus, TurnClaim, Usage, What,
};

pub(super) const KEPT: Flushed = Flushed::Kept {
    cancel_requested: false,
};

/// The beginning of every contract, to which seconds are added.
pub(super) fn second(seconds: u64) -> Timestamp {
    let start = Timestamp::from_unix_seconds(1_700_000_000).unwrap();
    start.plus(Duration::from_secs(seconds))
}

pub(super) struct Person<'a> {
    harness: &'a Harness,
    pub(super) tenant: TenantId,
    pub(super) owner: UserId,
}

impl<'a> Person<'a> {
    pub(super) fn new(harness: &'a Harness) -> Self {
        let ambient = Ambient::system();
        Self {
            harness,
            tenant: ambient.new_id(),
            owner: ambient.new_id(),
        }
    }

    pub(super) fn colleague(&self) -> Self {
        Self {
            owner: Ambient::system().new_id(),
            ..*self
        }
    }

    /// A turn that is not begun yet; its lease counts from `at`.
    pub(super) fn turn(&self, key: &str, at: Timestamp) -> NewRun {
        let ambient = Ambient::system();
        NewRun {
            id: ambient.new_id(),
            tenant: self.tenant,
            owner: self.owner,
            conversation_key: ConversationKey::parse(key).unwrap(),
            new_conversation: ambient.new_id(),
            user_message: ambient.new_id(),
            text: "how are you".to_owned(),
            entry_agent: "triage".to_owned(),
            events: vec![event(1)],
            ids_until: 100,
            at,
            lease_until: at.plus(LEASE),
            claim: None,
        }
    }

    /// A turn of the conversation `key` whose client calls it `name`. What is asked is told by the conversation.
    pub(super) fn named_turn(&self, key: &str, name: &str, at: u64) -> NewRun {
        let mut request_digest = [0; 32];
        for (to, from) in request_digest.iter_mut().zip(key.bytes()) {
            *to = from;
        }
        let claim = TurnClaim {
            principal: format!("user:{}", self.owner),
            route: "chat",
            key: IdempotencyKey::parse(name.as_bytes()).unwrap(),
            request_digest,
        };
        NewRun {
            claim: Some(claim),
            ..self.turn(key, second(at))
        }
    }

    pub(super) async fn begin(&self, key: &str) -> NewRun {
        let new = self.turn(key, second(0));
        let begun = self.harness.runs.begin(&new).await.unwrap();
        assert!(matches!(begun, Begun::Started { .. }), "{begun:?}");
        new
    }

    /// Begins a turn and ends it.
    pub(super) async fn answered(&self, key: &str) -> NewRun {
        let new = self.begin(key).await;
        assert!(
            self.finish(
                &new,
                1,
                &finish(RunStatus::Completed, Some("well"), vec![event(2)])
            )
            .await
        );
        new
    }

    pub(super) async fn flush(&self, new: &NewRun, epoch: u64, flush: &Flush) -> Flushed {
        self.harness
            .runs
            .flush(new.tenant, new.id, epoch, flush)
            .await
            .unwrap()
    }

    pub(super) async fn finish(&self, new: &NewRun, epoch: u64, finish: &Finish) -> bool {
        let ended = Event::new(
            &Ambient::system(),
            new.tenant,
            EventKind::RunCompleted,
            new.id.to_string(),
        );
        self.harness
            .runs
            .finish(new.tenant, new.id, epoch, finish, &[ended])
            .await
            .unwrap()
    }

    pub(super) async fn ids(&self, new: &NewRun) -> Vec<u64> {
        let log = self
            .harness
            .runs
            .read_log(new.tenant, new.id, 0, 1000)
            .await
            .unwrap();
        log.iter().map(|event| event.id).collect()
    }

    pub(super) async fn messages(&self, key: &str) -> Vec<Message> {
        let (conversations, key) = (&self.harness.conversations, ConversationKey::parse(key).unwrap());
        let Some(found) = conversations.find(self.tenant, self.owner, &key).await.unwrap() else {
            return Vec::new();
        };
        let all = conversations.list_messages(self.tenant, found.id, Order::Asc, None, Limit::LARGEST);
        all.await.unwrap().items
    }
}

pub(super) fn event(id: u64) -> RunEvent {
    let what = What::Lifecycle {
        status: LifecycleStatus::InProgress,
        reason: None,
    };
    RunEvent {
        id,
        at: second(id),
        agent: Some("triage".to_owned()),
        scope: None,
        what,
    }
}

pub(super) fn flush(ids: impl IntoIterator<Item = u64>) -> Flush {
    Flush {
        events: ids.into_iter().map(event).collect(),
        ids_until: 100,
        active_agent: "triage".to_owned(),
        lease_until: second(60),
        used: None,
    }
}

pub(super) fn finish(status: RunStatus, answer: Option<&str>, mut events: Vec<RunEvent>) -> Finish {
    let terminal = What::Final {
        status: FinalStatus::Completed,
        response_text: answer.unwrap_or_default().to_owned(),
        refusal_text: None,
        usage: Usage::default(),
    };
    let id = events.last().map_or(2, |last| last.id + 1);
    events.push(RunEvent {
        what: terminal,
        ..event(id)
    });
    Finish {
        events,
        status,
        answer: answer.map(|text| Answer {
            id: Ambient::system().new_id(),
            text: text.to_owned(),
        }),
        active_agent: "code_assistant".to_owned(),
        usage: Usage::default(),
        at: second(30),
    }
}
