//! Reading runs again, and stopping them.

use std::{future::ready, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, get, post,
    web::{Data, Path},
};
use bytes::Bytes;
use chancery_agents::{ReadRefused, Run, RunEvent, RunEvents};
use chancery_ids::RunId;
use futures::{Stream, StreamExt};

use super::{problem::absent, wire::CancelAnswer};
use crate::{
    caller::{Caller, CallersToken},
    conversations,
    problem::{Failure, Limited, Named, Private, Problem},
    sse::{self, Format, LastEventId},
    state::{Api, run},
};

/// Replays a run and follows it to its end.
#[utoipa::path(
    tag = "runs",
    params(
        ("run_id" = String, Path, description = "The run"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was received"),
    ),
    responses(
        Private,
        (status = 200, description = "The run's events after that one", body = String, content_type = "text/event-stream"),
        (status = 400, description = "The `Last-Event-ID` is not one of this run", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "Its events are kept no more (`run_log_expired`)", body = Problem,
         content_type = "application/problem+json"),
        Named,
        Limited,
    ),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/runs/{run_id}/stream")]
pub(crate) async fn follow_run(
    api: Data<Api>,
    Caller(caller): Caller,
    CallersToken(token): CallersToken,
    request: HttpRequest,
    run_id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let run_id = parse(&run_id)?;
    let after = LastEventId::of(&request).within(run_id);
    let start = after.as_ref().copied().unwrap_or_default();
    let found = run(&api, |api| async move {
        let Some(found) = api.runs.follow(&caller, run_id, start).await? else {
            return Ok(None);
        };
        // Where nothing is streamed, no seat is taken.
        let seat = api.runs.take_seat(&caller, start > 0).await?;
        Ok::<_, Failure>(Some((seat, found)))
    });
    let (seat, (run, events)) = found.await?.ok_or_else(absent)?;
    // Told to the owner alone: to anybody else the run is absent, whatever the header holds.
    after?;
    let format = Format::wanted(&request, api.stream_chunks);
    let frames = frames_of(format, run, events);
    Ok(sse::respond(&api, (token, seat), format, frames))
}

/// Replays a conversation's runs one after another and follows the one that is going on, if any.
#[utoipa::path(
    tag = "runs",
    params(
        ("conversation_id" = String, Path, description = "The conversation"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was received"),
    ),
    responses(
        Private,
        (status = 200, description = "The conversation's events after that one", body = String,
         content_type = "text/event-stream"),
        (status = 400, description = "The `Last-Event-ID` is not one of this conversation", body = Problem,
         content_type = "application/problem+json"),
        Named,
        Limited,
    ),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/conversations/{conversation_id}/ledger/stream")]
pub(crate) async fn follow_conversation(
    api: Data<Api>,
    Caller(caller): Caller,
    CallersToken(token): CallersToken,
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, Failure> {
    let key = conversations::key(name)?;
    let resume = LastEventId::of(&request).read();
    let start = resume
        .as_ref()
        .ok()
        .copied()
        .flatten()
        .map(|resume| (resume.run, resume.after));
    let found = run(&api, |api| async move {
        match api.runs.follow_conversation(&caller, &key, start).await? {
            Some(events) => {
                let seat = api.runs.take_seat(&caller, start.is_some()).await?;
                Ok(Some(Ok((seat, events))))
            }
            // Absent, or a place that is not in it: the second is told to the owner alone.
            None if start.is_some() => {
                let own = api.runs.follow_conversation(&caller, &key, None).await?;
                Ok(own.map(|_| Err(sse::not_ours())))
            }
            None => Ok::<_, Failure>(None),
        }
    });
    let found = found.await?.ok_or_else(conversations::absent)?;
    resume?;
    let (seat, events) = found?;
    let format = Format::wanted(&request, api.stream_chunks);
    let frames = until_refused(events).filter_map(move |(run, event)| ready(format.frame(&run, &event)));
    Ok(sse::respond(&api, (token, seat), format, frames))
}

/// Asks a run to stop. What it has said so far is kept.
#[utoipa::path(
    tag = "runs",
    params(("run_id" = String, Path, description = "The run")),
    responses(Private, (status = 202, description = "It was asked, or had ended", body = CancelAnswer), Named),
    security(("bearer" = ["conversations:write"])),
)]
#[post("/runs/{run_id}/cancel")]
pub(crate) async fn cancel_run(
    api: Data<Api>,
    Caller(caller): Caller,
    run_id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let run_id = parse(&run_id)?;
    let asked = run(&api, |api| async move { api.runs.cancel(&caller, run_id).await });
    let status = asked.await?.ok_or_else(absent)?.as_str();
    Ok(HttpResponse::Accepted().json(CancelAnswer {
        run_id: run_id.to_string(),
        status,
    }))
}

/// The frames of one run's events.
pub(super) fn frames_of(
    format: Format,
    run: Arc<Run>,
    events: RunEvents,
) -> impl Stream<Item = Bytes> + Send + 'static {
    until_refused(events).filter_map(move |event: RunEvent| ready(format.frame(&run, &event)))
}

/// The events up to the first error. There the stream ends, and the client may resume.
fn until_refused<T>(events: impl Stream<Item = Result<T, ReadRefused>>) -> impl Stream<Item = T> {
    events.scan((), |(), event| {
        let logged = event.inspect_err(|refused| {
            let source = chancery_ambient::cause_of(refused);
            tracing::warn!(source, "{refused}; a stream ended early");
        });
        ready(logged.ok())
    })
}

/// A text that is no run's id names none.
fn parse(text: &str) -> Result<RunId, Failure> {
    text.parse().map_err(|_| absent())
}
