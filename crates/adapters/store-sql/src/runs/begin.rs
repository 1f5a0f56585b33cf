//! The beginning of a run.

use chancery_agents::{Begun, NewRun, Run};
use chancery_ambient::Fault;
use chancery_conversations::{Conversation, MessageStatus, Role};
use chancery_ids::{ConversationId, RunId};
use diesel::{prelude::*, upsert::excluded};
use diesel_async::RunQueryDsl;

use super::rows::{LogRow, RunRow};
use crate::{
    Database,
    codec::{self, Stored},
    conversations::{ConversationRow, MessageRow, SearchIndex, storable},
    database::transaction,
    fault::Undone,
    schema::{
        agents::{run_log, runs},
        conversations::{conversations, messages},
    },
};

/// Four statements. The first makes the conversation, or waits for its row and takes the next position; from then on no
/// other run of it can begin, end or be deleted until this is done. So the second never waits for another run's end: either
/// its row goes in, or the run in the way is there to be read.
pub(super) async fn begin(database: &Database, run: &NewRun) -> Result<Begun, Fault> {
    let text = storable(&run.text);
    let conversation = ConversationRow {
        tenant_id: Stored(run.tenant),
        id: Stored(run.new_conversation),
        owner_id: Stored(run.owner),
        key: run.conversation_key.as_str().to_owned(),
        display_name: None,
        agent_entrypoint: run.entry_agent.clone(),
        active_agent: run.entry_agent.clone(),
        message_count: 1,
        last_message_preview: Conversation::preview_of(&text),
        created_at: Stored(run.at),
        updated_at: Stored(run.at),
    };
    let log = LogRow::new(run.tenant, run.id, &run.events)?;
    transaction!(database, |conn| {
        let (Stored(conversation), message_count) = diesel::insert_into(conversations::table)
            .values(conversation)
            .on_conflict((
                conversations::tenant_id,
                conversations::owner_id,
                conversations::key,
            ))
            .do_update()
            .set((
                conversations::message_count.eq(conversations::message_count + 1),
                conversations::last_message_preview.eq(excluded(conversations::last_message_preview)),
                conversations::updated_at.eq(excluded(conversations::updated_at)),
            ))
            .returning((conversations::id, conversations::message_count))
            .get_result::<(Stored<ConversationId>, i64)>(conn)
            .await?;
        let position = message_count - 1;
        let begun = diesel::insert_into(runs::table)
            .values(RunRow::new(run, conversation, position)?)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        if begun == 0 {
            let in_the_way = runs::table
                .filter(runs::tenant_id.eq(Stored(run.tenant)))
                .filter(
                    runs::id.eq(Stored(run.id)).or(runs::conversation_id
                        .eq(Stored(conversation))
                        .and(runs::ended_at.is_null())),
                )
                .select(RunRow::as_select())
                .load(conn)
                .await?;
            return Err(Undone::Answer(begun_before(run.id, in_the_way)?));
        }
        let message = MessageRow {
            tenant_id: Stored(run.tenant),
            conversation_id: Stored(conversation),
            position,
            id: Stored(run.user_message),
            owner_id: Stored(run.owner),
            role: Role::User.as_str().to_owned(),
            content: text.into_owned(),
            agent: None,
            run_id: Stored(run.id),
            status: MessageStatus::Pending.as_str().to_owned(),
            created_at: Stored(run.at),
        };
        diesel::insert_into(messages::table)
            .values(&message)
            .execute(conn)
            .await?;
        conn.add_words(&message).await?;
        if let Some(log) = log {
            diesel::insert_into(run_log::table)
                .values(log)
                .execute(conn)
                .await?;
        }
        Ok(Begun::Started {
            conversation,
            position: codec::count(position)?,
        })
    })
}

/// The answer when the run's row did not go in: it is there already, from the same command before, or another run is live.
fn begun_before(wanted: RunId, mut in_the_way: Vec<RunRow>) -> Result<Begun, Fault> {
    if let Some(same) = in_the_way.iter().find(|row| row.id.0 == wanted) {
        return Ok(Begun::Started {
            conversation: same.conversation_id.0,
            position: codec::count(same.user_position)?,
        });
    }
    let live = in_the_way
        .pop()
        .ok_or_else(|| Fault::corrupt("a run is in the way and is not there"))?;
    Run::try_from(live).map(Begun::Busy)
}
