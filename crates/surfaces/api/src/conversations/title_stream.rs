//! The title of a conversation, as soon as there is one.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpResponse, get,
    web::{Data, Path},
};
use bytes::Bytes;
use chancery_access::Principal;
use chancery_ambient::cause_of;
use chancery_conversations::Conversation;
use futures::{StreamExt, stream};
use serde_json::json;

use super::{absent, key};
use crate::{
    caller::{Caller, CallersToken},
    problem::{Failure, Limited, Named, Private},
    sse::{self, Format},
    state::{Api, run},
};

/// How long a reader waits for a title: longer than one may take, by far.
const LIMIT: Duration = Duration::from_secs(30);

/// How often the conversation is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits up to half a minute for the title of a conversation and tells it.
///
/// It tells nothing when there is none by then, or none will be made.
#[utoipa::path(
    tag = "conversations",
    params(("conversation_id" = String, Path, description = "The conversation")),
    responses(
        Private,
        (status = 200, description = "`data: {conversation_id, display_name}`, if there is a title, and `data: [DONE]`",
         body = String, content_type = "text/event-stream"),
        Named,
        Limited,
    ),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/conversations/{conversation_id}/stream")]
pub(crate) async fn follow_title(
    api: Data<Api>,
    Caller(caller): Caller,
    CallersToken(token): CallersToken,
    name: Path<String>,
) -> Result<HttpResponse, Failure> {
    let (key, reader) = (key(name)?, caller.clone());
    let found = run(&api, |api| async move {
        let Some(found) = api.conversations.find_by_key(&caller, &key).await? else {
            return Ok(None);
        };
        let seat = api.runs.take_seat(&caller, false).await?;
        Ok::<_, Failure>(Some((seat, found)))
    });
    let (seat, found) = found.await?.ok_or_else(absent)?;
    let named = until_named(Arc::clone(&api), reader, found);
    let frames = stream::once(named).flat_map(|named| stream::iter(frames_of(&named)));
    Ok(sse::respond(&api, (token, seat), Format::Public, frames))
}

/// The conversation once it has a title, or as it is when none is to be waited for any more.
async fn until_named(api: Arc<Api>, reader: Arc<Principal>, mut found: Conversation) -> Conversation {
    let clock = &*api.ambient.clock;
    let ends = clock.monotonic() + LIMIT;
    while api.runs.may_entitle(&found) && clock.monotonic() < ends {
        clock.sleep(PAUSE).await;
        match api.conversations.find_by_key(&reader, &found.key).await {
            Ok(Some(again)) => found = again,
            // It was deleted.
            Ok(None) => break,
            Err(error) => {
                let source = cause_of(&error);
                tracing::warn!(source, "{error}; a stream ended early");
                break;
            }
        }
    }
    found
}

fn frames_of(conversation: &Conversation) -> Vec<Bytes> {
    let title = conversation.display_name.as_ref().map(|name| {
        let told = json!({"conversation_id": conversation.key.as_str(), "display_name": name});
        Bytes::from(format!("data: {told}\n\n"))
    });
    title
        .into_iter()
        .chain([Bytes::from_static(b"data: [DONE]\n\n")])
        .collect()
}
