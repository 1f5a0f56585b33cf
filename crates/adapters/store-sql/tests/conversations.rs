//! The contract of conversations, and what reading them costs on Postgres.

use chancery_ambient::Timestamp;
use chancery_conversations::{ConversationStore, ConversationSystemStore, ListFilter, Order};
use chancery_ids::{ConversationKey, Cursor, Limit, TypedId, UserId};
use chancery_store_sql::{Database, SqlConversations};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::support::{Fresh, connect, fresh_postgres, open};

mod sqlite {
    use crate::{
        support::fresh_sqlite,
        turns::{conversations, old_conversations},
    };

    chancery_conversations::conversation_store_contract!(async {
        conversations(fresh_sqlite().await.until_the_test_ends())
    });
    chancery_conversations::conversation_system_store_contract!(async {
        old_conversations(fresh_sqlite().await.until_the_test_ends())
    });
    chancery_conversations::title_store_contract!(async {
        conversations(fresh_sqlite().await.until_the_test_ends())
    });
}

mod postgres {
    use crate::{
        support::fresh_postgres,
        turns::{conversations, old_conversations},
    };

    chancery_conversations::conversation_store_contract!(async {
        conversations(fresh_postgres().await.until_the_test_ends())
    });
    chancery_conversations::conversation_system_store_contract!(async {
        old_conversations(fresh_postgres().await.until_the_test_ends())
    });
    chancery_conversations::title_store_contract!(async {
        conversations(fresh_postgres().await.until_the_test_ends())
    });
}

/// How many buffers a page may touch, whatever the size of the tables.
const BUFFERS_OF_A_PAGE: i64 = 12;
const TIMES: i64 = 20;

/// Twenty thousand conversations, of ten people in one tenant. Of twenty thousand messages half are in one conversation of
/// the first person, the others in a hundred of theirs. Ids are the numbers.
const FILL: &str = "
    CREATE FUNCTION id(n bigint) RETURNS uuid RETURN lpad(to_hex(n), 32, '0')::uuid;
    ALTER TABLE conversations SET (autovacuum_enabled = false);
    ALTER TABLE messages SET (autovacuum_enabled = false);
    INSERT INTO conversations
    SELECT id(7), id(c * 10 + p), id(p), 'key ' || c, NULL,
           'triage', 'triage', 100, repeat('preview ', 15), to_timestamp(c), to_timestamp(c * 10 + p)
    FROM generate_series(1, 2000) c, generate_series(1, 10) p;
    INSERT INTO messages (tenant_id, conversation_id, position, id, owner_id, role, content, run_id, status, created_at)
    SELECT id(7), id(c * 10 + 1), m, gen_random_uuid(), id(1),
           'user', 'word' || m || ' of ' || c || repeat(' more', 10), gen_random_uuid(), 'completed', to_timestamp(m)
    FROM generate_series(1, 101) c, generate_series(0, 9999) m WHERE c = 1 OR m < 100;";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_a_few_buffers_at_any_depth() {
    let fresh = filled().await;
    let (person, all, page) = (id(1), ListFilter::default(), Limit::new(50).unwrap());
    let list = async |store: &SqlConversations, after: Option<&Cursor>| {
        let after = after.map(|cursor| cursor.read().unwrap());
        store.list(id(7), person, &all, after, page).await.unwrap()
    };
    let mut deep = None;
    let store = SqlConversations::new(open(fresh.url()));
    for _ in 0..36 {
        deep = list(&store, deep.as_ref()).await.next;
    }
    drop(store);
    for after in [None, deep.as_ref()] {
        let reads = reads(&fresh, "conversations", SqlConversations::new, async |store| {
            assert_eq!(list(store, after).await.items.len(), 50);
        });
        reads.await.are_few();
    }
    for conversation in [11, 21] {
        let reads = reads(&fresh, "messages", SqlConversations::new, async |store| {
            let newest = store.list_messages(id(7), id(conversation), Order::Desc, None, page);
            assert_eq!(newest.await.unwrap().items.len(), 50);
        });
        reads.await.are_few();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_look_up_reads_a_whole_table() {
    let fresh = filled().await;
    let (person, all): (UserId, _) = (id(1), ListFilter::default());
    let find = async |store: &SqlConversations| {
        let key = ConversationKey::parse("key 9").unwrap();
        assert!(store.find(id(7), person, &key).await.unwrap().is_some());
    };
    let search = async |store: &SqlConversations| {
        let found = store
            .search(id(7), person, "word77", &all, None, Limit::LARGEST)
            .await;
        assert_eq!(found.unwrap().items.len(), 100);
    };
    // To be forgotten: there are a few dozen of these.
    let list_old = async |store: &SqlConversations| {
        let before = Timestamp::from_unix_seconds(50).unwrap();
        assert_eq!(store.list_old(before, 3).await.unwrap().len(), 3);
        assert_eq!(store.count_old(Timestamp::EPOCH).await.unwrap(), 0);
    };
    reads(&fresh, "conversations", SqlConversations::new, find)
        .await
        .are_few();
    let looks = reads(&fresh, "conversations", SqlConversations::new, list_old);
    assert_eq!(looks.await.whole_table, 0);
    assert_eq!(
        reads(&fresh, "messages", SqlConversations::new, search)
            .await
            .whole_table,
        0
    );
}

async fn filled() -> Fresh {
    let fresh = fresh_postgres().await;
    let mut admin = connect(fresh.url()).await;
    admin.batch_execute(FILL).await.unwrap();
    admin.batch_execute("VACUUM ANALYZE").await.unwrap();
    fresh
}

pub(crate) fn id<K>(number: u128) -> TypedId<K> {
    TypedId::from_uuid(uuid::Uuid::from_u128(number))
}

#[derive(QueryableByName, Debug)]
pub(crate) struct Reads {
    /// How often the table was read from end to end.
    #[diesel(sql_type = BigInt)]
    pub(crate) whole_table: i64,
    /// Pages of the table and its indexes.
    #[diesel(sql_type = BigInt)]
    pub(crate) buffers: i64,
}

impl Reads {
    /// Pages of one of the [`TIMES`].
    pub(crate) const fn each(&self) -> i64 {
        self.buffers / TIMES
    }

    #[track_caller]
    fn are_few(&self) {
        let few = self.buffers <= BUFFERS_OF_A_PAGE * TIMES;
        assert!(
            self.buffers > 0 && few && self.whole_table == 0,
            "{TIMES} times: {self:?}"
        );
    }
}

/// What Postgres counts when a store of its own does `read` [`TIMES`] times.
pub(crate) async fn reads<S>(
    fresh: &Fresh,
    table: &str,
    store: impl FnOnce(Database) -> S,
    read: impl AsyncFn(&S),
) -> Reads {
    let mut admin = connect(fresh.url()).await;
    everybody_else_has_left(&mut admin).await;
    admin.batch_execute("SELECT pg_stat_reset()").await.unwrap();
    let store = store(open(fresh.url()));
    for _ in 0..TIMES {
        read(&store).await;
    }
    drop(store);
    everybody_else_has_left(&mut admin).await;
    sql_query(
        "SELECT seq_scan AS whole_table, (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read) AS buffers
         FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, relname) WHERE relname = $1",
    )
    .bind::<Text, _>(table)
    .get_result(&mut admin)
    .await
    .unwrap()
}

/// What a connection has counted is to be seen when it is closed.
async fn everybody_else_has_left(admin: &mut AsyncPgConnection) {
    #[derive(QueryableByName)]
    struct Others {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    loop {
        let others: Others = sql_query(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        .get_result(admin)
        .await
        .unwrap();
        if others.count == 0 {
            return;
        }
        admin.batch_execute("SELECT pg_sleep(0.01)").await.unwrap();
    }
}
