use chancery_access::{Denied, Principal, Proof, Scope, Scopes, Subject, TenantRole};
use chancery_ambient::{Ambient, Timestamp};
use chancery_events::EventKind;
use chancery_ids::{ConversationKey, Limit, TenantId, UserId};
use futures::TryStreamExt;

use super::ConversationService;
use crate::{
    ConversationsError, Erased, Exported, ListFilter, Order, QueryError,
    contract::{Harness, Turn},
    twin::harness,
};

const ALL: ListFilter = ListFilter { agent: None };

struct Fixture {
    harness: Harness,
    service: ConversationService,
    ada: Principal,
}

fn person(tenant: TenantId, user: UserId, scopes: Scopes) -> Principal {
    Principal {
        tenant,
        subject: Subject::Person(user),
        role: Some(TenantRole::Owner),
        scopes,
        session: None,
        token: Ambient::system().new_id(),
        actors: Vec::new(),
        proof: Proof::Full,
    }
}

fn fixture() -> Fixture {
    let (harness, ambient) = (harness(), Ambient::system());
    Fixture {
        service: ConversationService::new(harness.conversations.clone(), ambient.clone()),
        ada: person(ambient.new_id(), ambient.new_id(), TenantRole::Owner.scopes()),
        harness,
    }
}

fn key(text: &str) -> ConversationKey {
    ConversationKey::parse(text).unwrap()
}

impl Fixture {
    fn colleague(&self) -> Principal {
        person(
            self.ada.tenant,
            Ambient::system().new_id(),
            TenantRole::Member.scopes(),
        )
    }

    async fn says(&self, who: &Principal, name: &str) {
        let turn = Turn {
            tenant: who.tenant,
            owner: who.subject.person().unwrap(),
            key: key(name),
            agent: "triage".to_owned(),
            text: "where is the walrus".to_owned(),
            answer: "on the ice".to_owned(),
            at: Timestamp::EPOCH,
        };
        self.harness.seeding.add_turn(&turn).await;
    }
}

#[tokio::test]
async fn a_thread_shows_its_last_hundred_messages_and_where_earlier_ones_are() {
    let f = fixture();
    for _ in 0..51 {
        f.says(&f.ada, "a").await;
    }
    let thread = f.service.find(&f.ada, &key("a")).await.unwrap().unwrap();
    let positions: Vec<_> = thread.messages.iter().map(|message| message.position).collect();
    assert_eq!(positions, (2..102).collect::<Vec<_>>());
    let earlier = thread.earlier.unwrap();
    let page = f
        .service
        .list_messages(
            &f.ada,
            &key("a"),
            Order::Desc,
            Some(earlier.as_str()),
            Limit::LARGEST,
        )
        .await
        .unwrap()
        .unwrap();
    let positions: Vec<_> = page.items.iter().map(|message| message.position).collect();
    assert_eq!((positions, page.next), (vec![1, 0], None));
}

#[tokio::test]
async fn an_owner_of_the_tenant_cannot_read_what_a_colleague_said() {
    let f = fixture();
    let colleague = f.colleague();
    f.says(&colleague, "a").await;
    assert_eq!(f.service.find(&f.ada, &key("a")).await.unwrap(), None);
    let name = key("a");
    let messages = f
        .service
        .list_messages(&f.ada, &name, Order::Asc, None, Limit::LARGEST);
    assert_eq!(messages.await.unwrap(), None);
    assert!(!f.service.delete(&f.ada, &key("a")).await.unwrap());
    assert!(f.service.find(&colleague, &key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn without_the_scope_nothing_is_read_or_deleted() {
    let f = fixture();
    f.says(&f.ada, "a").await;
    let mut caller = f.ada.clone();
    caller.scopes = "conversations:read".parse().unwrap();
    let refused = f.service.delete(&caller, &key("a")).await.unwrap_err();
    assert!(
        matches!(refused, ConversationsError::Denied(Denied::Scope(scope)) if scope == Scope::CONVERSATIONS_DELETE)
    );
    caller.scopes = "conversations:delete conversations:write".parse().unwrap();
    let refusals = [
        f.service.find(&caller, &key("a")).await.err(),
        f.service.list(&caller, &ALL, None, Limit::LARGEST).await.err(),
        f.service
            .search(&caller, "walrus", &ALL, None, Limit::LARGEST)
            .await
            .err(),
        f.service
            .list_messages(&caller, &key("a"), Order::Asc, None, Limit::LARGEST)
            .await
            .err(),
    ];
    for refused in refusals {
        let Some(ConversationsError::Denied(Denied::Scope(scope))) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(scope, Scope::CONVERSATIONS_READ);
    }
}

#[tokio::test]
async fn a_service_account_has_no_conversations() {
    let f = fixture();
    let mut caller = f.ada.clone();
    caller.subject = Subject::ServiceAccount("worker".to_owned());
    let refused = f
        .service
        .list(&caller, &ALL, None, Limit::LARGEST)
        .await
        .unwrap_err();
    assert!(matches!(refused, ConversationsError::Denied(Denied::NotAPerson)));
}

#[tokio::test]
async fn a_cursor_of_another_list_or_of_nobody_is_refused() {
    let f = fixture();
    for _ in 0..2 {
        f.says(&f.ada, "a").await;
    }
    let one = Limit::new(1).unwrap();
    let page = f
        .service
        .list_messages(&f.ada, &key("a"), Order::Asc, None, one)
        .await;
    let foreign = page.unwrap().unwrap().next.unwrap();
    for cursor in ["", "nonsense", foreign.as_str()] {
        let listed = f.service.list(&f.ada, &ALL, Some(cursor), one).await;
        assert!(matches!(listed, Err(ConversationsError::Cursor(_))), "{cursor}");
        let found = f.service.search(&f.ada, "walrus", &ALL, Some(cursor), one).await;
        assert!(matches!(found, Err(ConversationsError::Cursor(_))), "{cursor}");
    }
}

#[tokio::test]
async fn a_search_is_trimmed_and_bounded() {
    let f = fixture();
    f.says(&f.ada, "a").await;
    let search = async |query: &str| f.service.search(&f.ada, query, &ALL, None, Limit::LARGEST).await;
    assert_eq!(search("  Walrus ").await.unwrap().items.len(), 1);
    let refused = search(" ").await.unwrap_err();
    assert!(matches!(refused, ConversationsError::Query(QueryError::Empty)));
    let refused = search(&"a".repeat(257)).await.unwrap_err();
    assert!(matches!(refused, ConversationsError::Query(QueryError::TooLong)));
}

#[tokio::test]
async fn a_filter_that_storage_could_not_ask_for_matches_nothing() {
    let f = fixture();
    f.says(&f.ada, "a").await;
    let filter = ListFilter {
        agent: Some("tri\0age".to_owned()),
    };
    assert!(
        f.service
            .list(&f.ada, &filter, None, Limit::LARGEST)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn an_export_holds_every_message_of_every_conversation_of_the_callers() {
    let f = fixture();
    let colleague = f.colleague();
    f.says(&colleague, "theirs").await;
    for number in 0..101 {
        f.says(&f.ada, &format!("c{number:03}")).await;
    }
    for _ in 0..50 {
        f.says(&f.ada, "c001").await;
    }
    let parts: Vec<Exported> = f.service.export(&f.ada).unwrap().try_collect().await.unwrap();
    let (mut keys, mut open, mut positions) = (Vec::new(), String::new(), Vec::new());
    for part in parts {
        match part {
            Exported::Conversation(conversation) => {
                open = conversation.key.to_string();
                keys.push(open.clone());
                positions.clear();
            }
            Exported::Message(key, message) => {
                assert_eq!(key.as_str(), open, "a message stands behind its conversation");
                positions.push(message.position);
                assert_eq!(
                    positions.last(),
                    Some(&(u64::try_from(positions.len()).unwrap() - 1))
                );
                if message.position == 101 {
                    assert_eq!(open, "c001");
                }
            }
        }
    }
    let expected: Vec<_> = (0..101).map(|number| format!("c{number:03}")).collect();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn erasing_takes_all_but_what_is_live_and_says_when_there_is_more() {
    let f = fixture();
    let live = Turn {
        tenant: f.ada.tenant,
        owner: f.ada.subject.person().unwrap(),
        key: key("c-live"),
        agent: "triage".to_owned(),
        text: "still".to_owned(),
        answer: String::new(),
        at: Timestamp::EPOCH,
    };
    f.harness.seeding.begin_turn(&live).await;
    for number in 0..=Erased::AT_ONCE {
        f.says(&f.ada, &format!("d{number}")).await;
    }
    let first = f.service.erase(&f.ada).await.unwrap();
    let all = Erased {
        deleted: Erased::AT_ONCE,
        live: 1,
        more: true,
    };
    assert_eq!(first, all);
    let second = f.service.erase(&f.ada).await.unwrap();
    let rest = Erased {
        deleted: 1,
        live: 1,
        more: false,
    };
    assert_eq!(second, rest);
    assert!(f.service.find(&f.ada, &key("c-live")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_message_is_deleted_with_the_scope_and_what_is_announced_names_who() {
    let f = fixture();
    f.says(&f.ada, "a").await;
    f.says(&f.ada, "a").await;
    let thread = f.service.find(&f.ada, &key("a")).await.unwrap().unwrap();
    let [_, _, third, fourth] = thread.messages.as_slice() else {
        panic!("{thread:?}");
    };
    let mut reader = f.ada.clone();
    reader.scopes = "conversations:read conversations:write".parse().unwrap();
    for refused in [
        f.service.truncate(&reader, &key("a"), third.id).await.err(),
        f.service.erase(&reader).await.err(),
    ] {
        assert!(matches!(
            refused,
            Some(ConversationsError::Denied(Denied::Scope(_)))
        ));
    }
    let refused = f
        .service
        .truncate(&f.ada, &key("a"), fourth.id)
        .await
        .unwrap_err();
    assert!(matches!(refused, ConversationsError::NotThePersons));
    assert!(f.service.truncate(&f.ada, &key("a"), third.id).await.unwrap());
    assert!(!f.service.truncate(&f.ada, &key("b"), third.id).await.unwrap());
    let lease = std::time::Duration::from_secs(1);
    let events = f.harness.outbox.claim(Timestamp::EPOCH, lease, 10).await.unwrap();
    let [event] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(
        (event.kind, event.subject.as_str()),
        (
            EventKind::ConversationTruncated,
            &*thread.conversation.id.to_string()
        )
    );
    assert_eq!(event.payload["by"], f.ada.subject.to_string());
}

#[tokio::test]
async fn deleting_announces_which_conversation_by_its_row_and_by_whom() {
    let f = fixture();
    f.says(&f.ada, "a").await;
    let id = f
        .service
        .find(&f.ada, &key("a"))
        .await
        .unwrap()
        .unwrap()
        .conversation
        .id;
    assert!(f.service.delete(&f.ada, &key("a")).await.unwrap());
    assert!(!f.service.delete(&f.ada, &key("a")).await.unwrap());
    let lease = std::time::Duration::from_secs(1);
    let events = f.harness.outbox.claim(Timestamp::EPOCH, lease, 10).await.unwrap();
    let [event] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(
        (event.kind, event.subject.as_str()),
        (EventKind::ConversationDeleted, &*id.to_string())
    );
    assert_eq!(event.payload["by"], f.ada.subject.to_string());
}
