use chancery_access::{Denied, Principal, Proof, Scope, Scopes, Subject, TenantRole};
use chancery_ambient::{Ambient, Timestamp};
use chancery_events::EventKind;
use chancery_ids::{ConversationKey, Limit, TenantId, UserId};

use super::ConversationService;
use crate::{
    ConversationsError, ListFilter, Order, QueryError,
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
    let colleague = person(
        f.ada.tenant,
        Ambient::system().new_id(),
        TenantRole::Member.scopes(),
    );
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
