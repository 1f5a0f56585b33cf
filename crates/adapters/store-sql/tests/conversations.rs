//! The contract of conversations, and what reading them costs on Postgres.

use chancery_conversations::{ConversationStore, ListFilter, Order};
use chancery_ids::{ConversationId, ConversationKey, Cursor, Limit, TenantId, UserId};
use chancery_store_sql::SqlConversations;
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::support::{Fresh, connect, fresh_postgres, open};

mod sqlite {
    use crate::{support::fresh_sqlite, turns::conversations};

    chancery_conversations::conversation_store_contract!(async {
        conversations(fresh_sqlite().await.until_the_test_ends())
    });
}

mod postgres {
    use crate::{support::fresh_postgres, turns::conversations};

    chancery_conversations::conversation_store_contract!(async {
        conversations(fresh_postgres().await.until_the_test_ends())
    });
}

/// How many buffers a page may touch, whatever the size of the tables.
const BUFFERS_OF_A_PAGE: f64 = 12.0;

/// Every person has 200 conversations of 100 messages; a tenth of all rows belong to the first.
const FILL: &str = "
    ALTER TABLE conversations SET (autovacuum_enabled = false);
    ALTER TABLE messages SET (autovacuum_enabled = false);
    INSERT INTO conversations
    SELECT md5('tenant')::uuid, md5('conversation' || p || ' ' || c)::uuid, md5('person' || p)::uuid, 'key ' || c, NULL,
           'triage', 'triage', 100, repeat('preview ', 15), to_timestamp(c), to_timestamp(c * 100 + p)
    FROM generate_series(1, 10) p, generate_series(1, 200) c;
    INSERT INTO messages (tenant_id, conversation_id, position, id, owner_id, role, content, run_id, status, created_at)
    SELECT md5('tenant')::uuid, md5('conversation' || p || ' ' || c)::uuid, m, gen_random_uuid(), md5('person' || p)::uuid,
           'user', 'word' || m || ' of ' || c || repeat(' more', 10), gen_random_uuid(), 'completed', to_timestamp(m)
    FROM generate_series(1, 10) p, generate_series(1, 200) c, generate_series(0, 9) m;
    INSERT INTO messages (tenant_id, conversation_id, position, id, owner_id, role, content, run_id, status, created_at)
    SELECT md5('tenant')::uuid, md5('conversation1 1')::uuid, m, gen_random_uuid(), md5('person1')::uuid,
           'user', 'word' || m || repeat(' more', 10), gen_random_uuid(), 'completed', to_timestamp(m)
    FROM generate_series(10, 5000) m;";

#[derive(QueryableByName, Debug)]
struct Reads {
    #[diesel(sql_type = BigInt)]
    scans: i64,
    #[diesel(sql_type = BigInt)]
    whole_table_scans: i64,
    #[diesel(sql_type = BigInt)]
    buffers: i64,
}

