//! `/conversations`: the caller's own threads.

mod everything;
mod problem;
mod title_stream;
mod wire;

use actix_web::{
    HttpRequest, HttpResponse, delete, get, patch,
    web::{Data, Path},
};
use chancery_conversations::{ListFilter, Order};
use chancery_ids::ConversationKey;

pub(crate) use everything::{erase, export};
pub(crate) use problem::absent;
pub(crate) use title_stream::*;

use crate::{
    body::Body,
    caller::Caller,
    params::Params,
    problem::{Failure, Listed, Named, Private, WithBody},
    state::{Api, run},
};
use wire::{ConversationHistory, ConversationItem, ConversationList, FoundList, MessageList, TitleBody};

/// Lists the caller's conversations, the one that changed last first.
#[utoipa::path(
    tag = "conversations",
    params(
        ("limit" = Option<u8>, Query, description = "1 to 100, by default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("agent" = Option<String>, Query, description = "Only those addressed to this agent"),
    ),
    responses(Private, (status = 200, description = "One page", body = ConversationList), Listed),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/conversations")]
pub(crate) async fn list_conversations(
    api: Data<Api>,
    Caller(caller): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let mut params = Params::of(&request);
    let limit = params.limit(50, 100);
    let (cursor, filter) = (
        params.text("cursor"),
        ListFilter {
            agent: params.text("agent"),
        },
    );
    params.finish()?;
    let page = run(&api, |api| async move {
        api.conversations
            .list(&caller, &filter, cursor.as_deref(), limit)
            .await
    });
    Ok(HttpResponse::Ok().json(ConversationList::from(page.await?)))
}

/// Finds the caller's conversations that hold the words of `q`, best first.
#[utoipa::path(
    tag = "conversations",
    params(
        ("q" = String, Query, description = "Words, at most 256 characters"),
        ("limit" = Option<u8>, Query, description = "1 to 50, by default 20"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("agent" = Option<String>, Query, description = "Only those addressed to this agent"),
    ),
    responses(Private, (status = 200, description = "One page", body = FoundList), Listed),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/conversations/search")]
pub(crate) async fn search_conversations(
    api: Data<Api>,
    Caller(caller): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let mut params = Params::of(&request);
    let (query, limit) = (params.required("q"), params.limit(20, 50));
    let (cursor, filter) = (
        params.text("cursor"),
        ListFilter {
            agent: params.text("agent"),
        },
    );
    params.finish()?;
    let page = run(&api, |api| async move {
        api.conversations
            .search(&caller, &query, &filter, cursor.as_deref(), limit)
            .await
    });
    Ok(HttpResponse::Ok().json(FoundList::from(page.await?)))
}

/// Shows a conversation with its last 100 messages.
#[utoipa::path(
    tag = "conversations",
    params(("conversation_id" = String, Path, description = "The conversation")),
    responses(Private, (status = 200, description = "The conversation", body = ConversationHistory), Named),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/conversations/{conversation_id}")]
pub(crate) async fn show_conversation(
    api: Data<Api>,
    Caller(caller): Caller,
    name: Path<String>,
) -> Result<HttpResponse, Failure> {
    let key = key(name)?;
    let found = run(
        &api,
        |api| async move { api.conversations.find(&caller, &key).await },
    );
    let thread = found.await?.ok_or_else(absent)?;
    Ok(HttpResponse::Ok().json(ConversationHistory::from(thread)))
}

/// Lists a conversation's messages, newest first unless `direction=asc`.
#[utoipa::path(
    tag = "conversations",
    params(
        ("conversation_id" = String, Path, description = "The conversation"),
        ("limit" = Option<u8>, Query, description = "1 to 100, by default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, of the same direction"),
        ("direction" = Option<String>, Query, description = "`desc` (default) or `asc`"),
    ),
    responses(Private, (status = 200, description = "One page", body = MessageList), Listed, Named),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/conversations/{conversation_id}/messages")]
pub(crate) async fn list_messages(
    api: Data<Api>,
    Caller(caller): Caller,
    name: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let mut params = Params::of(&request);
    let (limit, cursor) = (params.limit(50, 100), params.text("cursor"));
    let order = params.choice("direction", ("desc", Order::Desc), [("asc", Order::Asc)]);
    params.finish()?;
    let key = key(name)?;
    let found = run(&api, |api| async move {
        api.conversations
            .list_messages(&caller, &key, order, cursor.as_deref(), limit)
            .await
    });
    let page = found.await?.ok_or_else(absent)?;
    Ok(HttpResponse::Ok().json(MessageList::from(page)))
}

/// Gives a conversation a title.
#[utoipa::path(
    tag = "conversations",
    params(("conversation_id" = String, Path, description = "The conversation")),
    request_body = TitleBody,
    responses(
        Private,
        (status = 200, description = "The conversation", body = ConversationItem),
        Named,
        WithBody,
    ),
    security(("bearer" = ["conversations:write"])),
)]
#[patch("/conversations/{conversation_id}/title")]
pub(crate) async fn rename_conversation(
    api: Data<Api>,
    Caller(caller): Caller,
    name: Path<String>,
    body: Body<TitleBody>,
) -> Result<HttpResponse, Failure> {
    let (key, title) = (key(name)?, body.0);
    let renamed = run(&api, |api| async move {
        api.conversations.rename(&caller, &key, &title).await
    });
    let conversation = renamed.await?.ok_or_else(absent)?;
    Ok(HttpResponse::Ok().json(ConversationItem::from(conversation)))
}

/// Deletes a conversation with its messages and runs. One that is not there counts as deleted.
#[utoipa::path(
    tag = "conversations",
    params(("conversation_id" = String, Path, description = "The conversation")),
    responses(
        Private,
        (status = 204, description = "It is not there any more"),
        (status = 409, description = "A run of it is going on", body = crate::problem::Problem,
         content_type = "application/problem+json"),
    ),
    security(("bearer" = ["conversations:delete"])),
)]
#[delete("/conversations/{conversation_id}")]
pub(crate) async fn delete_conversation(
    api: Data<Api>,
    Caller(caller): Caller,
    name: Path<String>,
) -> Result<HttpResponse, Failure> {
    let key = key(name)?;
    run(&api, |api| async move {
        api.conversations.delete(&caller, &key).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a message of the caller's own and everything that was said after it. One that is not there counts as deleted.
///
/// The next turn goes on from what is left. With its first message a conversation is deleted.
#[utoipa::path(
    tag = "conversations",
    params(
        ("conversation_id" = String, Path, description = "The conversation"),
        ("message_id" = String, Path, description = "The first message that goes, of role `user`"),
    ),
    responses(
        Private,
        (status = 204, description = "It is not there any more"),
        (status = 409, description = "A run of the conversation is going on (`run_in_progress`), or the message is an agent's \
         (`message_not_deletable`)", body = crate::problem::Problem, content_type = "application/problem+json"),
        Named,
    ),
    security(("bearer" = ["conversations:delete"])),
)]
#[delete("/conversations/{conversation_id}/messages/{message_id}")]
pub(crate) async fn delete_message(
    api: Data<Api>,
    Caller(caller): Caller,
    names: Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (conversation, message) = names.into_inner();
    let key = ConversationKey::parse(conversation).map_err(|_| absent())?;
    let from = message
        .parse()
        .map_err(|_| Failure::not_found("Message not found."))?;
    run(&api, |api| async move {
        api.conversations.truncate(&caller, &key, from).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A text that is no conversation's name names none.
pub(crate) fn key(name: Path<String>) -> Result<ConversationKey, Failure> {
    ConversationKey::parse(name.into_inner()).map_err(|_| absent())
}
