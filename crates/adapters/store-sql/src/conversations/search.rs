//! Full text, which is where the engines differ throughout.
//!
//! Both find a word among the messages of one person without meeting those of others, because the index holds, beside the
//! words of a message, one that says whose it is. Which conversations are shown, their own rows decide all the same.

use std::fmt::Write;

use chancery_ambient::Fault;
use chancery_conversations::SearchPlace;
use chancery_ids::{ConversationId, TenantId, UserId};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Double, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::rows::{ConversationRow, MessageRow};
use crate::{
    Database,
    codec::{Instant, Stored, Uuid},
    database::{Engine, read},
    sqlite::Sqlite,
};

/// `$1` is the query, `$2` whose messages. `numnode` is zero for a query without a word, which finds nothing: what is left
/// of the condition would be whose messages they are.
const POSTGRES_HITS: &str = "
    SELECT conversation_id, position, left(content, 120) AS preview,
           ts_rank_cd(search, plainto_tsquery('english', $1))::double precision AS score
    FROM messages
    WHERE search @@ (plainto_tsquery('english', $1) && $2::tsquery)
      AND numnode(plainto_tsquery('english', $1)) > 0";

/// The same. `bm25` is lower for what fits better; whose message it is weighs nothing.
const SQLITE_HITS: &str = "
    SELECT conversation_id, position, substr(content, 1, 120) AS preview, -bm25(message_search, 0.0, 1.0) AS score
    FROM message_search
    WHERE message_search MATCH 'content : (' || $1 || ') AND scope : ' || $2";

/// The best hit of each conversation. SQLite numbers parameters as they first occur, so they occur in order.
const BEST_OF_EACH: &str = "
    SELECT conversations.*, best.preview, best.score
    FROM (
        SELECT conversation_id, preview, score,
               row_number() OVER (PARTITION BY conversation_id ORDER BY score DESC, position DESC) AS place
        FROM hits
    ) AS best
    JOIN conversations ON conversations.id = best.conversation_id
    WHERE best.place = 1
      AND conversations.tenant_id = $3 AND conversations.owner_id = $4
      AND ($5 IS NULL OR conversations.agent_entrypoint = $5)
      AND (best.score, conversations.updated_at, conversations.id) < ($6, $7, $8)
    ORDER BY best.score DESC, conversations.updated_at DESC, conversations.id DESC
    LIMIT $9";

/// What is searched for, and from where on.
pub(super) struct Search<'a> {
    pub(super) tenant: TenantId,
    pub(super) owner: UserId,
    pub(super) query: &'a str,
    pub(super) agent: Option<&'a str>,
    pub(super) after: SearchPlace,
    pub(super) limit: i64,
}

/// A conversation with its best message.
#[derive(QueryableByName)]
pub(super) struct HitRow {
    #[diesel(embed)]
    pub(super) conversation: ConversationRow,
    #[diesel(sql_type = Text)]
    pub(super) preview: String,
    #[diesel(sql_type = Double)]
    pub(super) score: f64,
}

impl Search<'_> {
    /// The hits, best first.
    pub(super) async fn hits(self, database: &Database) -> Result<Vec<HitRow>, Fault> {
        let (hits, words) = match &database.engine {
            Engine::Postgres(_) => (POSTGRES_HITS, self.query.to_owned()),
            Engine::Sqlite { .. } => (SQLITE_HITS, quoted_words(self.query)),
        };
        if words.is_empty() {
            return Ok(Vec::new());
        }
        // Materialized: the rank is to be had only where the index is searched.
        let statement = diesel::sql_query(format!("WITH hits AS MATERIALIZED ({hits}) {BEST_OF_EACH}"))
            .bind::<Text, _>(words)
            .bind::<Text, _>(scope_of_owner(self.tenant, self.owner))
            .bind::<Uuid, _>(Stored(self.tenant))
            .bind::<Uuid, _>(Stored(self.owner))
            .bind::<Nullable<Text>, _>(self.agent)
            .bind::<Double, _>(self.after.rank)
            .bind::<Instant, _>(Stored(self.after.ts))
            .bind::<Uuid, _>(Stored(self.after.id))
            .bind::<BigInt, _>(self.limit);
        read!(database, |conn| statement.load(conn).await)
    }
}

/// Keeps what is searched, inside the transaction that keeps the messages.
pub(crate) trait SearchIndex {
    /// Adds the words of a message.
    async fn add_words(&mut self, message: &MessageRow) -> QueryResult<()>;

    /// Removes the words of a conversation's messages from `position` on.
    async fn remove_words(&mut self, conversation: ConversationId, position: i64) -> QueryResult<()>;
}

/// A generated column holds the words.
impl SearchIndex for AsyncPgConnection {
    async fn add_words(&mut self, _: &MessageRow) -> QueryResult<()> {
        Ok(())
    }

    async fn remove_words(&mut self, _: ConversationId, _: i64) -> QueryResult<()> {
        Ok(())
    }
}

/// A table of its own holds the words. No trigger keeps it, because triggers may not write to such a table while
/// `trusted_schema` is off.
impl SearchIndex for Sqlite {
    async fn add_words(&mut self, message: &MessageRow) -> QueryResult<()> {
        let scope = format!(
            "{} {}",
            scope_of_owner(message.tenant_id.0, message.owner_id.0),
            scope_of_conversation(message.conversation_id.0)
        );
        diesel::insert_into(message_search::table)
            .values((
                message_search::scope.eq(scope),
                message_search::content.eq(&message.content),
                message_search::conversation_id.eq(message.conversation_id),
                message_search::position.eq(message.position),
            ))
            .execute(self)
            .await
            .map(drop)
    }

    async fn remove_words(&mut self, conversation: ConversationId, position: i64) -> QueryResult<()> {
        let of_conversation = "DELETE FROM message_search WHERE message_search MATCH 'scope : ' || $1";
        diesel::sql_query(format!("{of_conversation} AND position >= $2"))
            .bind::<Text, _>(scope_of_conversation(conversation))
            .bind::<BigInt, _>(position)
            .execute(self)
            .await
            .map(drop)
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::codec::Uuid;

    message_search (conversation_id, position) {
        scope -> Text,
        content -> Text,
        conversation_id -> Uuid,
        position -> BigInt,
    }
}

/// The word in the index that says whose a message is. In capitals: Postgres folds the words of texts and queries to small
/// letters, so none of them is this one. SQLite has it in a column apart.
fn scope_of_owner(tenant: TenantId, owner: UserId) -> String {
    format!("{:X}{:X}", tenant.as_uuid().simple(), owner.as_uuid().simple())
}

/// The word in SQLite's index that says of which conversation a message is.
fn scope_of_conversation(conversation: ConversationId) -> String {
    conversation.as_uuid().simple().to_string()
}

/// The words of `query` in FTS5's syntax, each a quoted string, so that nothing in them is an operator. Combining accents
/// belong to the letter before them.
fn quoted_words(query: &str) -> String {
    let mut quoted = String::new();
    for word in query.split(|c: char| !c.is_alphanumeric() && !('\u{300}'..='\u{36f}').contains(&c)) {
        if word.contains(char::is_alphanumeric) {
            let _ = write!(quoted, "\"{word}\" ");
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted_words;

    #[test]
    fn nothing_in_a_query_is_an_operator() {
        assert_eq!(quoted_words("a OR \"b* -c:d"), "\"a\" \"OR\" \"b\" \"c\" \"d\" ");
        assert_eq!(
            quoted_words("cafe\u{301}s … \u{301} 日本 x2"),
            "\"cafe\u{301}s\" \"日本\" \"x2\" "
        );
        assert_eq!(quoted_words("\"'()*:^-+ {} \\"), "");
    }
}
