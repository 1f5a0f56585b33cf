//! The end of a run.

use chancery_agents::{Finish, RunStatus};
use chancery_ambient::Fault;
use chancery_conversations::{Conversation, MessageStatus, Role};
use chancery_events::Event;
use chancery_ids::{ConversationId, RunId, TenantId, UserId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::{
    live_of_epoch,
    log::{AppendLog, LogRow},
    no_lower_than,
};
use crate::{
    Database,
    codec::{self, Stored},
    conversations::{MessageRow, SearchIndex, storable},
    database::transaction,
    fault::Undone,
    outbox::Announce,
    schema::{
        agents::runs,
        conversations::{conversations, messages},
    },
};

/// The conversation's row is taken before the run's, as `begin` takes them: the other way round the two could wait for each
/// other.
pub(super) async fn finish(
    database: &Database,
    tenant: TenantId,
    run: RunId,
    epoch: u64,
    finish: &Finish,
    events: &[Event],
) -> Result<bool, Fault> {
    let live = live_of_epoch(tenant, run, codec::big_int(epoch)?);
    let status = match finish.status {
        RunStatus::Completed => MessageStatus::Completed,
        RunStatus::Running | RunStatus::AwaitingApproval | RunStatus::Failed | RunStatus::Cancelled => {
            MessageStatus::Incomplete
        }
    };
    let answer = finish.answer.as_ref().map(|answer| storable(&answer.text));
    let usage = serde_json::to_value(finish.usage).map_err(Fault::corrupt)?;
    let log = LogRow::of(tenant, run, &finish.events)?;
    let last_id = LogRow::last_id(&log);
    transaction!(database, |conn| {
        let its_conversation = live
            .select(runs::conversation_id)
            .single_value()
            .assume_not_null();
        let moved_on = diesel::update(conversations::table)
            .filter(conversations::tenant_id.eq(Stored(tenant)))
            .filter(conversations::id.eq(its_conversation))
            .set((
                conversations::active_agent.eq(&finish.active_agent),
                conversations::message_count.eq(conversations::message_count + i64::from(answer.is_some())),
                answer
                    .as_deref()
                    .map(|text| conversations::last_message_preview.eq(Conversation::preview_of(text))),
                answer
                    .as_ref()
                    .map(|_| conversations::updated_at.eq(Stored(finish.at))),
            ))
            .returning((conversations::id, conversations::message_count))
            .get_result::<(Stored<ConversationId>, i64)>(conn)
            .await
            .optional()?;
        let Some((conversation_id, message_count)) = moved_on else {
            return Ok(false);
        };
        let ended = diesel::update(live)
            .set((
                runs::status.eq(finish.status.as_str()),
                runs::active_agent.eq(&finish.active_agent),
                runs::usage.eq(Stored(usage)),
                runs::ids_until.eq(no_lower_than(last_id)),
                runs::ended_at.eq(Stored(finish.at)),
                runs::used.eq(None::<Stored<Value>>),
            ))
            .returning((runs::owner_id, runs::user_position))
            .get_result::<(Stored<UserId>, i64)>(conn)
            .await
            .optional()?;
        // Somebody took it over after the first statement looked.
        let Some((owner_id, user_position)) = ended else {
            return Err(Undone::Answer(false));
        };
        diesel::update(messages::table.find((Stored(tenant), conversation_id, user_position)))
            .set(messages::status.eq(status.as_str()))
            .execute(conn)
            .await?;
        if let (Some(answer), Some(content)) = (&finish.answer, answer) {
            let message = MessageRow {
                tenant_id: Stored(tenant),
                conversation_id,
                position: message_count - 1,
                id: Stored(answer.id),
                owner_id,
                role: Role::Assistant.as_str().to_owned(),
                content: content.into_owned(),
                agent: Some(finish.active_agent.clone()),
                run_id: Stored(run),
                status: status.as_str().to_owned(),
                created_at: Stored(finish.at),
            };
            diesel::insert_into(messages::table)
                .values(&message)
                .execute(conn)
                .await?;
            conn.add_words(&message).await?;
        }
        conn.append_log(log).await?;
        conn.announce(events).await?;
        Ok(true)
    })
}
