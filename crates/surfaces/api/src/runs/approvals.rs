//! Calls that a person is asked about.

use actix_web::{
    HttpResponse, get, post,
    web::{Data, Path},
};
use chancery_ids::ApprovalId;

use super::{
    problem::no_approval,
    wire::{ApprovalItem, ApprovalList, DecisionBody},
};
use crate::{
    body::Body,
    caller::Caller,
    problem::{Failure, Named, Private, Problem, WithBody},
    state::{Api, run},
};

/// Lists what the caller is asked at this moment, oldest first, up to a hundred.
#[utoipa::path(
    tag = "runs",
    responses(Private, (status = 200, description = "The pending approvals", body = ApprovalList)),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/approvals")]
pub(crate) async fn list_approvals(api: Data<Api>, Caller(caller): Caller) -> Result<HttpResponse, Failure> {
    let pending = run(
        &api,
        |api| async move { api.runs.pending_approvals(&caller).await },
    )
    .await?;
    let items = pending.into_iter().map(Into::into).collect();
    Ok(HttpResponse::Ok().json(ApprovalList { items }))
}

/// Shows an approval, whatever became of it.
#[utoipa::path(
    tag = "runs",
    params(("approval_id" = String, Path, description = "The approval")),
    responses(Private, (status = 200, description = "The approval", body = ApprovalItem), Named),
    security(("bearer" = ["conversations:read"])),
)]
#[get("/approvals/{approval_id}")]
pub(crate) async fn show_approval(
    api: Data<Api>,
    Caller(caller): Caller,
    approval_id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = parse(&approval_id)?;
    let found = run(&api, |api| async move { api.runs.approval(&caller, id).await }).await?;
    Ok(HttpResponse::Ok().json(ApprovalItem::from(found)))
}

/// Allows the call, or refuses it. Either way the run goes on: follow it at `GET /api/v1/runs/{run_id}/stream`.
///
/// Saying the same again is harmless. Nobody decides on behalf of somebody else.
#[utoipa::path(
    tag = "runs",
    params(("approval_id" = String, Path, description = "The approval")),
    request_body = DecisionBody,
    responses(
        Private,
        (status = 200, description = "The settled approval", body = ApprovalItem),
        (status = 409, description = "It was settled otherwise, has expired, or its run was stopped \
         (`approval_closed`)", body = Problem, content_type = "application/problem+json"),
        Named,
        WithBody,
    ),
    security(("bearer" = ["conversations:write"])),
)]
#[post("/approvals/{approval_id}")]
pub(crate) async fn settle_approval(
    api: Data<Api>,
    Caller(caller): Caller,
    approval_id: Path<String>,
    body: Body<DecisionBody>,
) -> Result<HttpResponse, Failure> {
    let (id, decision) = (parse(&approval_id)?, body.0);
    let settled = run(
        &api,
        |api| async move { api.runs.settle(&caller, id, decision).await },
    )
    .await?;
    Ok(HttpResponse::Ok().json(ApprovalItem::from(settled)))
}

/// A text that is no approval's id names none.
fn parse(text: &str) -> Result<ApprovalId, Failure> {
    text.parse().map_err(|_| no_approval())
}
