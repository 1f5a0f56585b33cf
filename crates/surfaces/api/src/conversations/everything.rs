//! `/users/me/export` and `/users/me/erase`: everything that the caller has said.

use std::future::ready;

use actix_web::{HttpResponse, get, http::header, post, web::Data};
use bytes::Bytes;
use chancery_ambient::{Fault, cause_of};
use chancery_conversations::{Erased, Exported};
use chancery_tokens::HeldEnd;
use futures::{Stream, StreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::{ConversationItem, MessageItem};
use crate::{
    caller::{Caller, CallersToken},
    problem::{Failure, Limited, Private},
    sse,
    state::{Api, run},
};

/// A line of an export.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ExportLine {
    /// A conversation; its messages follow, oldest first.
    Conversation(ConversationItem),
    /// A message.
    Message {
        conversation_id: String,
        #[serde(flatten)]
        message: MessageItem,
    },
    /// The last line of an export that is complete.
    End { conversations: u64, messages: u64 },
    /// The last line of one that is not.
    Error {
        error: &'static str,
        message: &'static str,
    },
}

/// Takes along every conversation of the caller's with every message.
///
/// A line of JSON each. An export is complete when its last line is of type `end`.
#[utoipa::path(
    tag = "conversations",
    responses(
        Private,
        (status = 200, description = "Conversations, each with its messages behind it, and how many there were",
         body = ExportLine, content_type = "application/x-ndjson"),
        Limited,
    ),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/users/me/export")]
pub(crate) async fn export(
    api: Data<Api>,
    Caller(caller): Caller,
    CallersToken(token): CallersToken,
) -> Result<HttpResponse, Failure> {
    let begun = run(&api, |api| async move {
        let parts = api.conversations.export(&caller)?;
        let seat = api.runs.take_seat(&caller, false).await?;
        Ok::<_, Failure>((parts, seat))
    });
    let (parts, seat) = begun.await?;
    let lines = sse::while_held(&api, (token, seat), cut_short, lines(parts));
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/x-ndjson"))
        .insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"conversations.ndjson\"",
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(lines.map(Ok::<_, std::convert::Infallible>)))
}

/// What erasing has come to.
#[derive(Serialize, ToSchema)]
pub(super) struct EraseAnswer {
    /// Conversations that are gone.
    deleted: u64,
    /// Conversations that are left because a run of theirs is going on, or waits for an approval: cancel it and call again.
    in_progress: u64,
    /// There are more than one call deletes: call again.
    more: bool,
}

/// Deletes the caller's conversations for good, up to 500 a call, with their messages, runs, logs and approvals.
///
/// The account stays, and so does what was used, which tells nothing of what was said.
#[utoipa::path(
    tag = "conversations",
    responses(Private, (status = 200, description = "How far it came", body = EraseAnswer)),
    security(("bearer" = ["conversations:delete"])),
)]
#[post("/users/me/erase")]
pub(crate) async fn erase(api: Data<Api>, Caller(caller): Caller) -> Result<HttpResponse, Failure> {
    let erased = run(&api, |api| async move { api.conversations.erase(&caller).await });
    let Erased { deleted, live, more } = erased.await?;
    Ok(HttpResponse::Ok().json(EraseAnswer {
        deleted,
        in_progress: live,
        more,
    }))
}

/// The lines of an export, up to the first fault.
fn lines(parts: impl Stream<Item = Result<Exported, Fault>>) -> impl Stream<Item = Bytes> {
    let counted = parts.map(Some).chain(stream::once(ready(None)));
    counted.scan((0, 0, false), |(conversations, messages, over), part| {
        if *over {
            return ready(None);
        }
        let text = match part {
            Some(Ok(Exported::Conversation(conversation))) => {
                *conversations += 1;
                line(&ExportLine::Conversation(conversation.into()))
            }
            Some(Ok(Exported::Message(key, message))) => {
                *messages += 1;
                line(&ExportLine::Message {
                    conversation_id: key.to_string(),
                    message: message.into(),
                })
            }
            Some(Err(fault)) => {
                *over = true;
                tracing::warn!(source = cause_of(&fault), "{fault}; an export ended early");
                line(&ExportLine::Error {
                    error: "ServiceUnavailable",
                    message: "The export broke off: begin it again.",
                })
            }
            None => line(&ExportLine::End {
                conversations: *conversations,
                messages: *messages,
            }),
        };
        ready(Some(text))
    })
}

fn cut_short(why: HeldEnd) -> Bytes {
    let (error, message) = sse::farewell(why);
    line(&ExportLine::Error { error, message })
}

/// Strings and numbers into memory: it cannot fail.
fn line(line: &ExportLine) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

#[cfg(test)]
mod tests {
    use chancery_ambient::{Fault, Timestamp};
    use chancery_conversations::{Exported, Message, MessageStatus, Role};
    use chancery_ids::ConversationKey;
    use futures::{StreamExt, stream};
    use serde_json::{Value, json};

    use super::lines;

    fn said(text: &str) -> Exported {
        let ambient = chancery_ambient::Ambient::system();
        let message = Message {
            id: ambient.new_id(),
            position: 0,
            role: Role::User,
            content: text.to_owned(),
            agent: None,
            run: ambient.new_id(),
            status: MessageStatus::Completed,
            created_at: Timestamp::EPOCH,
        };
        Exported::Message(ConversationKey::parse("a").unwrap(), message)
    }

    async fn read(parts: Vec<Result<Exported, Fault>>) -> Vec<Value> {
        let lines: Vec<_> = lines(stream::iter(parts)).collect().await;
        lines
            .iter()
            .map(|line| {
                assert!(line.ends_with(b"\n"));
                serde_json::from_slice(line).unwrap()
            })
            .collect()
    }

    #[tokio::test]
    async fn an_export_counts_what_it_holds() {
        let lines = read(vec![Ok(said("one\ntwo")), Ok(said("three"))]).await;
        assert_eq!(lines[0]["type"], "message");
        assert_eq!(lines[0]["content"], "one\ntwo");
        assert_eq!(lines[0]["conversation_id"], "a");
        assert_eq!(
            lines[2],
            json!({"type": "end", "conversations": 0, "messages": 2})
        );
        assert_eq!(lines.len(), 3);
    }

    #[tokio::test]
    async fn an_export_that_breaks_off_does_not_claim_to_be_whole() {
        let gone = Fault::unavailable(std::io::Error::other("gone"));
        let lines = read(vec![Ok(said("one")), Err(gone)]).await;
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["type"], "error");
    }
}
