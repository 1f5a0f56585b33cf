//! Letting somebody act for the caller.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    post,
    web::Data,
};
use chancery_access::{Scopes, Subject};
use chancery_ambient::Timestamp;
use chancery_tokens::DelegationRefused;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    body::{Body, Checked},
    caller::Caller,
    problem::{Failure, Private, Violation, Violations, WithBody},
    state::{Api, run},
};

/// Who may act for the caller.
#[derive(Deserialize, ToSchema)]
pub(super) struct DelegationBody {
    /// `sub` of the one who may: an app's id, `app_…`.
    actor: String,
    /// What they may do, separated by spaces; all that the caller's token allows when absent.
    scope: Option<String>,
}

impl Checked for DelegationBody {
    type Valid = (Subject, Option<Scopes>);

    fn check(self) -> Result<Self::Valid, Violations> {
        let mut violations = Violations::default();
        let actor = self.actor.parse::<Subject>();
        if actor.is_err() {
            let violation = Violation::new("body", "value_error", "Input should be the id of an app");
            violations.add(violation.at("actor"));
        }
        let scope = self.scope.map(|text| text.parse::<Scopes>());
        if matches!(scope, Some(Err(_))) {
            let violation = Violation::new("body", "value_error", "Input should be scopes");
            violations.add(violation.at("scope"));
        }
        let scope = scope.and_then(Result::ok);
        match actor {
            Ok(actor) => violations.or((actor, scope)),
            Err(_) => Err(violations),
        }
    }
}

/// The word by which somebody may act.
#[derive(Serialize, ToSchema)]
pub(super) struct DelegationAnswer {
    /// Hand this to the actor, who exchanges it at `/oauth/token` (RFC 8693). No service takes it.
    subject_token: String,
    /// Always `urn:ietf:params:oauth:token-type:access_token`.
    subject_token_type: &'static str,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    scope: String,
    /// Who may act.
    actor: String,
}

/// Lets an app act for the caller, within the caller's scopes and for as long as the caller's token lasts.
///
/// The answer is the `subject_token` of a token exchange (RFC 8693) that this app alone can make.
#[utoipa::path(
    tag = "auth",
    request_body = DelegationBody,
    responses(
        Private,
        (status = 201, description = "The word by which the app may act", body = DelegationAnswer),
        WithBody,
    ),
    security(("bearer" = [])),
)]
#[post("/auth/delegations")]
pub(crate) async fn delegate(
    api: Data<Api>,
    Caller(caller): Caller,
    request: HttpRequest,
    body: Body<DelegationBody>,
) -> Result<HttpResponse, Failure> {
    let presented = presented(&request);
    let (actor, scope) = body.0;
    let named = actor.to_string();
    let word = run(&api, |api| async move {
        api.tokens.delegate(&caller, &presented, actor, scope).await
    });
    let word = word.await?;
    Ok(HttpResponse::build(StatusCode::CREATED)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(DelegationAnswer {
            subject_token: word.token.expose_secret().to_owned(),
            subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
            expires_at: word.expires_at,
            scope: word.scopes.to_string(),
            actor: named,
        }))
}

/// The token of this call, which has been verified when a handler runs.
fn presented(request: &HttpRequest) -> SecretString {
    let credentials = request.headers().get(header::AUTHORIZATION);
    let text = credentials
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let token = text.rsplit_once(' ').map_or("", |(_, token)| token);
    token.to_owned().into()
}

impl From<DelegationRefused> for Failure {
    fn from(refused: DelegationRefused) -> Self {
        match refused {
            DelegationRefused::NoScope => Self::coded(
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                "None of the scopes is yours to pass on.",
            ),
            DelegationRefused::TooDeep => Self::coded(
                StatusCode::FORBIDDEN,
                "delegation_too_deep",
                "Too many act for one another already.",
            ),
            DelegationRefused::Fault(fault)
            | DelegationRefused::Token(chancery_tokens::TokenRefused::Fault(fault)) => fault.into(),
            DelegationRefused::NotTheCaller | DelegationRefused::Token(_) => {
                Self::new(StatusCode::UNAUTHORIZED, "The access token is not valid.")
            }
        }
    }
}
