//! `/auth/password` and `/auth/email`: passwords and proved addresses.

use actix_web::{HttpResponse, http::StatusCode, post, web::Data};
use chancery_ids::UserId;
use futures::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{answer, problem::busy};
use crate::{
    body::{Body, Checked},
    caller::Caller,
    client::CameFrom,
    envelope::SuccessResponse,
    problem::{Failure, Limited, Named, Private, Violation, Violations, WithBody},
    state::{Api, run},
};

/// Another password of the caller's.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// At least 14 characters of two kinds, hard to guess, and none of the last five.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
pub(super) struct ForgotBody {
    email: String,
}

/// Another password of whoever opened a mailed link.
#[derive(Deserialize, ToSchema)]
pub(super) struct ConfirmBody {
    /// What stood in the link.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    token: SecretString,
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Whose password shall be chosen anew. A password that is sent too is ignored: nobody sets another person's.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResetBody {
    #[schema(format = Uuid)]
    user_id: String,
}

/// What stood in a mailed link.
#[derive(Deserialize, ToSchema)]
pub(super) struct TokenBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    token: SecretString,
}

/// The longest password and token that are looked at, in bytes.
const LONGEST: usize = 1024;

impl Checked for ChangeBody {
    type Valid = (SecretString, SecretString);

    fn check(self) -> Result<Self::Valid, Violations> {
        bounded([
            ("current_password", &self.current_password),
            ("new_password", &self.new_password),
        ])?;
        Ok((self.current_password, self.new_password))
    }
}

impl Checked for ForgotBody {
    type Valid = String;

    fn check(self) -> Result<String, Violations> {
        Ok(self.email)
    }
}

impl Checked for ConfirmBody {
    type Valid = (SecretString, SecretString);

    fn check(self) -> Result<Self::Valid, Violations> {
        bounded([("token", &self.token), ("new_password", &self.new_password)])?;
        Ok((self.token, self.new_password))
    }
}

impl Checked for ResetBody {
    type Valid = UserId;

    fn check(self) -> Result<UserId, Violations> {
        let violation = Violation::new("body", "uuid_parsing", "Input should be a valid UUID");
        self.user_id.parse().map_err(|_| violation.at("user_id").into())
    }
}

impl Checked for TokenBody {
    type Valid = SecretString;

    fn check(self) -> Result<SecretString, Violations> {
        bounded([("token", &self.token)])?;
        Ok(self.token)
    }
}

fn bounded<const N: usize>(secrets: [(&'static str, &SecretString); N]) -> Result<(), Violations> {
    let mut violations = Violations::default();
    for (name, secret) in secrets {
        if secret.expose_secret().len() > LONGEST {
            let told = "String should have at most 1024 bytes";
            violations.add(Violation::new("body", "string_too_long", told).at(name));
        }
    }
    violations.or(())
}

pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// What was done, where there is nothing more to say.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {}

fn done(status: StatusCode, message: &'static str) -> HttpResponse {
    answer(status, SuccessResponse::new(message, Done {}))
}

/// Sets the caller's password to another one. Every session of theirs ends, this one too.
#[utoipa::path(
    tag = "auth",
    request_body = ChangeBody,
    responses(
        Private,
        (status = 200, description = "It is changed; log in again", body = SuccessResponse<Done>),
        WithBody,
        Limited,
    ),
    security(("bearer" = [])),
)]
#[post("/auth/password/change")]
pub(crate) async fn change_password(
    api: Data<Api>,
    Caller(caller): Caller,
    body: Body<ChangeBody>,
) -> Result<HttpResponse, Failure> {
    let (current, new) = body.0;
    run(&api, |api| async move {
        api.people.change_password(&caller, current, new).await
    })
    .await?;
    Ok(done(StatusCode::OK, "Password changed. Log in again."))
}

/// Mails a link to whoever has the address. The answer is the same whether anybody has.
#[utoipa::path(
    tag = "auth",
    request_body = ForgotBody,
    responses(
        Private,
        (status = 202, description = "If somebody has the address, a mail is on its way", body = SuccessResponse<Done>),
        WithBody,
    ),
)]
#[post("/auth/password/forgot")]
pub(crate) async fn forgot_password(
    api: Data<Api>,
    from: CameFrom,
    body: Body<ForgotBody>,
) -> Result<HttpResponse, Failure> {
    let (people, email) = (api.people.clone(), body.0);
    let place = people.place_for_wish().ok_or_else(busy)?;
    // Behind the answer: how long it takes tells nobody who is known here.
    api.tasks.spawn(
        async move {
            if let Err(fault) = people.forgot_password(&email, from.address, place).await {
                tracing::warn!("{fault}: a wish for another password is lost");
            }
        }
        .boxed(),
    );
    Ok(done(
        StatusCode::ACCEPTED,
        "If the address is known, a mail is on its way.",
    ))
}

/// Sets the password of whoever opened a mailed link. Every session of theirs ends.
#[utoipa::path(
    tag = "auth",
    request_body = ConfirmBody,
    responses(
        Private,
        (status = 200, description = "It is set; log in with it", body = SuccessResponse<Done>),
        WithBody,
        Limited,
    ),
)]
#[post("/auth/password/confirm")]
pub(crate) async fn confirm_password(
    api: Data<Api>,
    body: Body<ConfirmBody>,
) -> Result<HttpResponse, Failure> {
    let (token, new) = body.0;
    run(&api, |api| async move {
        api.people.confirm_password(&token, new).await
    })
    .await?;
    Ok(done(StatusCode::OK, "Password set. Log in with it."))
}

/// Mails a member of the caller's tenant a link to choose another password, and ends their sessions in this tenant.
#[utoipa::path(
    tag = "auth",
    request_body = ResetBody,
    responses(
        Private,
        Named,
        (status = 202, description = "A mail is on its way", body = SuccessResponse<Done>),
        WithBody,
        Limited,
    ),
    security(("bearer" = [])),
)]
#[post("/auth/password/reset")]
pub(crate) async fn reset_password(
    api: Data<Api>,
    Caller(caller): Caller,
    body: Body<ResetBody>,
) -> Result<HttpResponse, Failure> {
    let user = body.0;
    run(&api, |api| async move {
        api.people.reset_password(&caller, user).await
    })
    .await?;
    Ok(done(StatusCode::ACCEPTED, "A mail is on its way."))
}

/// Mails the caller a link that proves their address, unless it is proved.
#[utoipa::path(
    tag = "auth",
    responses(
        Private,
        (status = 202, description = "A mail is on its way", body = SuccessResponse<Done>),
        Limited,
    ),
    security(("bearer" = [])),
)]
#[post("/auth/email/send")]
pub(crate) async fn send_verification(
    api: Data<Api>,
    Caller(caller): Caller,
) -> Result<HttpResponse, Failure> {
    run(
        &api,
        |api| async move { api.people.send_verification(&caller).await },
    )
    .await?;
    Ok(done(StatusCode::ACCEPTED, "A mail is on its way."))
}

/// Proves the address of whoever opened a mailed link.
#[utoipa::path(
    tag = "auth",
    request_body = TokenBody,
    responses(
        Private,
        (status = 200, description = "The address is proved", body = SuccessResponse<Done>),
        WithBody,
    ),
)]
#[post("/auth/email/verify")]
pub(crate) async fn verify_email(api: Data<Api>, body: Body<TokenBody>) -> Result<HttpResponse, Failure> {
    let token = body.0;
    run(&api, |api| async move { api.people.verify_email(&token).await }).await?;
    Ok(done(StatusCode::OK, "The address is confirmed."))
}
