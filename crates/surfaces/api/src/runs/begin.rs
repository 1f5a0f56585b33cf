//! Beginning a turn.

use actix_web::{HttpRequest, HttpResponse, post, web::Data};
use chancery_access::Scope;
use chancery_agents::{Outcome, RunStatus, StartChat};
use chancery_ids::RunId;

use super::{
    idempotency::SentKey,
    problem::{absent, cancelled, failed, taken_over},
    read::frames_of,
    wire::{ChatAnswer, ChatBody, ChatMetadata, WaitingAnswer},
};
use crate::{
    body::Body,
    caller::{Caller, CallersToken},
    problem::{Failure, Limited, Private, Problem, WithBody},
    sse::{self, Format},
    state::{Api, run},
};

/// Says something to an agent and waits for its answer.
///
/// The run goes on if the client leaves; its answer is then in the conversation. A turn that is sent again with the same
/// `Idempotency-Key` within a day begins nothing and gets the first one's answer.
#[utoipa::path(
    tag = "chat",
    params(("Idempotency-Key" = Option<String>, Header, description = "What the client calls this turn: 1 to 255 visible ASCII \
        characters")),
    request_body = ChatBody,
    responses(
        Private,
        (status = 200, description = "The answer", body = ChatAnswer),
        (status = 202, description = "The run waits for an approval, which `POST /api/v1/approvals/{approval_id}` \
         settles; it is read by its id", body = WaitingAnswer),
        (status = 409, description = "A run of this conversation is going on (`run_in_progress`, its id in \
         `details.run_id`) or waits (`approval_pending`), this one was cancelled (`run_cancelled`), or \
         the run of this `Idempotency-Key` was deleted (`run_deleted`)", body = Problem,
         content_type = "application/problem+json"),
        (status = 502, description = "The model failed; the run is in `details.run_id`", body = Problem,
         content_type = "application/problem+json"),
        WithBody,
        Limited,
    ),
    security(("bearer" = ["conversations:write"])),
)]
#[post("/chat")]
pub(crate) async fn chat(
    api: Data<Api>,
    Caller(caller): Caller,
    SentKey(idempotency_key): SentKey,
    body: Body<ChatBody>,
) -> Result<HttpResponse, Failure> {
    let turn = StartChat {
        idempotency_key,
        ..known_agent(&api, body.0)
    };
    let started = run(&api, |api| async move { api.runs.start(&caller, turn).await }).await?;
    let (run_id, conversation) = (started.run, started.conversation_key.clone());
    // A wait in memory: no store is asked.
    let outcome = started.outcome().await.ok_or_else(|| taken_over(run_id))?;
    if let Some(approval) = outcome.approval {
        let waiting = WaitingAnswer::new(run_id, &conversation, approval);
        return Ok(HttpResponse::Accepted().json(waiting));
    }
    let metadata = metadata(&api, run_id, &outcome);
    let outcome = completed(run_id, outcome)?;
    Ok(HttpResponse::Ok().json(ChatAnswer::new(&conversation, outcome, metadata)))
}

/// Says something to an agent and streams what happens, as `public_sse_v1`.
///
/// Each event has an id; a client that was cut off goes on with `Last-Event-ID` at `GET /api/v1/runs/{run_id}/stream`. With
/// `Accept: text/event-stream; profile=chunks` the frames are those of the first version. A turn that is sent again with the same
/// `Idempotency-Key` within a day begins nothing and gets the events of the first one, from its beginning.
#[utoipa::path(
    tag = "chat",
    params(("Idempotency-Key" = Option<String>, Header, description = "What the client calls this turn: 1 to 255 visible ASCII \
        characters")),
    request_body = ChatBody,
    responses(
        Private,
        (status = 200, description = "The run's events, the terminal one last", body = String,
         content_type = "text/event-stream"),
        (status = 409, description = "A run of this conversation is going on; its id is in `details.run_id`. Or the run of \
         this `Idempotency-Key` was deleted (`run_deleted`)",
         body = Problem, content_type = "application/problem+json"),
        WithBody,
        Limited,
    ),
    security(("bearer" = ["conversations:write", "conversations:read"])),
)]
#[post("/chat/stream")]
pub(crate) async fn chat_stream(
    api: Data<Api>,
    Caller(caller): Caller,
    CallersToken(token): CallersToken,
    SentKey(idempotency_key): SentKey,
    request: HttpRequest,
    body: Body<ChatBody>,
) -> Result<HttpResponse, Failure> {
    // Reading asks for this scope: without it a run would begin that its caller cannot see.
    caller.require(Scope::CONVERSATIONS_READ)?;
    let format = Format::wanted(&request, api.stream_chunks);
    let turn = StartChat {
        streamed: true,
        idempotency_key,
        ..known_agent(&api, body.0)
    };
    let begun = run(&api, |api| async move {
        // First: a stream that is refused begins no run.
        let seat = api.runs.take_seat(&caller, false).await?;
        let started = api.runs.start(&caller, turn).await?;
        let found = api.runs.follow(&caller, started.run, 0).await?;
        Ok::<_, Failure>(found.map(|found| (seat, found)))
    });
    let (seat, (run, events)) = begun.await?.ok_or_else(absent)?;
    let frames = frames_of(format, run, events);
    Ok(sse::respond(&api, (token, seat), format, frames))
}

/// A turn to an agent that is not hosted here goes to the entry agent, as it always did.
fn known_agent(api: &Api, turn: StartChat) -> StartChat {
    let agent = turn.agent.filter(|name| api.agents.find(name).is_some());
    StartChat { agent, ..turn }
}

fn completed(run: RunId, outcome: Outcome) -> Result<Outcome, Failure> {
    match (outcome.status, &outcome.failure) {
        (_, Some(failure)) => Err(failed(run, failure.clone())),
        (RunStatus::Cancelled, None) => Err(cancelled(run)),
        (
            RunStatus::Running | RunStatus::AwaitingApproval | RunStatus::Completed | RunStatus::Failed,
            None,
        ) => Ok(outcome),
    }
}

fn metadata(api: &Api, run: RunId, outcome: &Outcome) -> ChatMetadata {
    let agent = api.agents.find(&outcome.agent);
    ChatMetadata {
        model_used: api.runs.model_of(&outcome.agent),
        tools_available: agent.map(|agent| agent.bundle.tools.clone()).unwrap_or_default(),
        run_id: run.to_string(),
        usage: outcome.usage.into(),
        guardrails: outcome.tripped.iter().copied().map(Into::into).collect(),
    }
}
