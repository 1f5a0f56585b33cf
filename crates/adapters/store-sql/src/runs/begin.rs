//! The beginning of a run.

use chancery_agents::{Begun, NewRun};
use chancery_ambient::Fault;
use chancery_conversations::{Conversation, MessageStatus, Role};
use chancery_ids::ConversationId;
use diesel::{prelude::*, upsert::excluded};
use diesel_async::RunQueryDsl;

use super::{
    claims::ClaimRow,
    log::{AppendLog, LogRow},
    rows::RunRow,
};
use crate::{
    Database,
    codec::{self, Stored},
    conversations::{ConversationRow, MessageRow, SearchIndex, storable},
    database::transaction,
    fault::Undone,
    schema::{
        agents::{idempotency_keys, runs},
        conversations::{conversations, messages},
    },
};

/// Four statements, and one before them for a turn that its client named. That one waits for another turn of the same name, so
/// that of equal turns one begins; what it claims is undone with everything else when the turn does not begin.
///
/// Of the four, the first makes the conversation, or waits for its row and takes the next position; from then on no
/// other run of it can begin, end or be deleted until this is done. So the second never waits for another run's end: either
/// its row goes in, or the run in the way is there to be read.
pub(super) async fn begin(database: &Database, run: &NewRun) -> Result<Begun, Fault> {
    let text = storable(&run.text);
    let claim = run.claim.as_ref().map(|claim| ClaimRow::new(run, claim));
    let conversation = opening(run, &text);
    let log = LogRow::of(run.tenant, run.id, &run.events)?;
    transaction!(database, |conn| {
        if let Some(claim) = &claim {
            let claimed = diesel::insert_into(idempotency_keys::table)
                .values(claim)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            if claimed == 0 {
                let held = claim.same_name().select(ClaimRow::as_select());
                let held = held.first(conn).await?;
                if let Some(answer) = held.answer_to(claim) {
                    return Err(Undone::Answer(answer));
                }
            }
        }
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
            // Two look-ups: SQLite would answer one with an OR by reading all runs of the tenant.
            let of_tenant = runs::table.filter(runs::tenant_id.eq(Stored(run.tenant)));
            let same = of_tenant
                .filter(runs::id.eq(Stored(run.id)))
                .select((runs::conversation_id, runs::user_position))
                .first::<(Stored<ConversationId>, i64)>(conn)
                .await
                .optional()?;
            if let Some((Stored(conversation), position)) = same {
                return Err(Undone::Answer(Begun::Started {
                    conversation,
                    position: codec::count(position)?,
                }));
            }
            let live = of_tenant
                .filter(runs::conversation_id.eq(Stored(conversation)))
                .filter(runs::ended_at.is_null())
                .select(RunRow::as_select())
                .first(conn)
                .await?;
            return Err(Undone::Answer(Begun::Busy(Box::new(live.try_into()?))));
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
        conn.append_log(log).await?;
        Ok(Begun::Started {
            conversation,
            position: codec::count(position)?,
        })
    })
}

/// The conversation as it is when it begins with this turn.
fn opening(run: &NewRun, text: &str) -> ConversationRow {
    ConversationRow {
        tenant_id: Stored(run.tenant),
        id: Stored(run.new_conversation),
        owner_id: Stored(run.owner),
        key: run.conversation_key.as_str().to_owned(),
        display_name: None,
        agent_entrypoint: run.entry_agent.clone(),
        active_agent: run.entry_agent.clone(),
        message_count: 1,
        last_message_preview: Conversation::preview_of(text),
        created_at: Stored(run.at),
        updated_at: Stored(run.at),
    }
}
