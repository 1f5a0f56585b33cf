//! `/usage`: what the tenant, or the caller, has used.

mod problem;
mod wire;

use actix_web::{HttpRequest, HttpResponse, get, web::Data};
use chancery_billing::{Day, Granularity, UsageQuery};

use crate::{
    caller::Caller,
    params::Params,
    problem::{Failure, Listed, Private},
    state::{Api, run},
};
use wire::UsageList;

/// Lists what was used, a counter for each day or month (UTC) with any use, newest first. What a run used is counted within
/// seconds of its end.
#[utoipa::path(
    tag = "usage",
    params(
        ("scope" = Option<String>, Query,
         description = "`tenant` (default): everybody's use, for `billing:read`. `me`: the caller's own, for `conversations:read`"),
        ("granularity" = Option<String>, Query, description = "`day` (default) or `month`"),
        ("from" = Option<String>, Query, description = "From the period with this day in it: `2026-03-09`"),
        ("to" = Option<String>, Query, description = "To the period with this day in it, that period included"),
        ("limit" = Option<u8>, Query, description = "1 to 100, by default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, of the same granularity"),
    ),
    responses(Private, (status = 200, description = "One page", body = UsageList), Listed),
    security(("bearer" = ["billing:read"]), ("bearer" = ["conversations:read"])),
)]
#[get("/usage")]
pub(crate) async fn list_usage(
    api: Data<Api>,
    Caller(caller): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let mut params = Params::of(&request);
    let query = UsageQuery {
        own: params.choice("scope", ("tenant", false), [("me", true)]),
        granularity: params.choice(
            "granularity",
            ("day", Granularity::Day),
            [("month", Granularity::Month)],
        ),
        from: params.parsed::<Day>("from", "date_parsing"),
        to: params.parsed::<Day>("to", "date_parsing"),
    };
    let (limit, cursor) = (params.limit(50, 100), params.text("cursor"));
    params.finish()?;
    let page = run(&api, |api| async move {
        api.usage.list(&caller, &query, cursor.as_deref(), limit).await
    });
    Ok(HttpResponse::Ok().json(UsageList::from(page.await?)))
}
