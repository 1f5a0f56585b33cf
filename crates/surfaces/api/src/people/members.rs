//! `/members` and `/invitations`: who belongs to the caller's tenant.

use actix_web::{
    HttpRequest, HttpResponse, delete, get,
    http::StatusCode,
    patch, post,
    web::{Data, Path},
};
use chancery_access::TenantRole;
use chancery_accounts::{Acceptance, Link, LinkId, LinkKind, MemberItem};
use chancery_ambient::Timestamp;
use chancery_ids::UserId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    answer,
    passwords::secret,
    problem::{no_invitation, no_member},
};
use crate::{
    body::{Body, Checked},
    caller::Caller,
    params::Params,
    problem::{Failure, Limited, Listed, Named, Private, Violation, Violations, WithBody},
    state::{Api, run},
};

/// A member.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberAnswer {
    #[schema(format = Uuid)]
    user_id: String,
    email: String,
    email_verified: bool,
    /// `viewer`, `member`, `admin` or `owner`.
    role: &'static str,
    /// `active` or `disabled`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    joined_at: Timestamp,
}

/// Members, in the order in which they came to be.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberList {
    items: Vec<MemberAnswer>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

/// Another role.
#[derive(Deserialize, ToSchema)]
pub(super) struct RoleBody {
    /// `viewer`, `member`, `admin` or `owner`.
    role: String,
}

/// Somebody to invite.
#[derive(Deserialize, ToSchema)]
pub(super) struct InviteBody {
    email: String,
    /// `viewer`, `member`, `admin` or `owner`; at most the caller's own.
    role: String,
}

/// An invitation that was opened.
#[derive(Deserialize, ToSchema)]
pub(super) struct AcceptBody {
    /// What stood in the link.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    token: SecretString,
    /// For somebody who has no account yet.
    #[schema(format = Password)]
    password: Option<String>,
}

/// An invitation.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitationAnswer {
    id: String,
    email: String,
    role: &'static str,
    #[schema(format = Uuid)]
    invited_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Invitations that were not accepted, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitationList {
    items: Vec<InvitationAnswer>,
}

/// What came of accepting: log in to this tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct AcceptanceAnswer {
    #[schema(format = Uuid)]
    tenant_id: String,
    role: &'static str,
}

impl Checked for RoleBody {
    type Valid = TenantRole;

    fn check(self) -> Result<TenantRole, Violations> {
        role(&self.role)
    }
}

impl Checked for InviteBody {
    type Valid = (String, TenantRole);

    fn check(self) -> Result<Self::Valid, Violations> {
        let role = role(&self.role)?;
        Ok((self.email, role))
    }
}

impl Checked for AcceptBody {
    type Valid = (SecretString, Option<SecretString>);

    fn check(self) -> Result<Self::Valid, Violations> {
        Ok((self.token, self.password.map(SecretString::from)))
    }
}

fn role(text: &str) -> Result<TenantRole, Violations> {
    let told = "Input should be 'viewer', 'member', 'admin' or 'owner'";
    text.parse()
        .map_err(|_| Violation::new("body", "enum", told).at("role").into())
}

/// Lists the members of the caller's tenant.
#[utoipa::path(
    tag = "members",
    params(
        ("limit" = Option<u8>, Query, description = "1 to 100; 50 when absent", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(Private, Listed, (status = 200, description = "The members", body = MemberList)),
    security(("bearer" = [])),
)]
#[get("/members")]
pub(crate) async fn list_members(
    api: Data<Api>,
    Caller(caller): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let mut params = Params::of(&request);
    let limit = params.limit(50, 100).as_usize();
    let cursor = params.text("cursor");
    params.finish()?;
    let after = cursor.map(|text| text.parse::<UserId>()).transpose();
    let after =
        after.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "The cursor is not one of this list."))?;
    let one_more = u16::try_from(limit + 1).unwrap_or(u16::MAX);
    let found = run(&api, |api| async move {
        api.people.list_members(&caller, after, one_more).await
    });
    let found: Vec<MemberItem> = found.await?;
    let more = found.len() > limit;
    let page = found.into_iter().take(limit);
    let items: Vec<_> = page.map(MemberAnswer::from).collect();
    let next_cursor = items.last().filter(|_| more).map(|last| last.user_id.clone());
    Ok(answer(StatusCode::OK, MemberList { items, next_cursor }))
}

/// Gives a member of the caller's tenant another role. Their access tokens end within a second.
#[utoipa::path(
    tag = "members",
    params(("user_id" = String, Path, description = "The member", format = Uuid)),
    request_body = RoleBody,
    responses(
        Private,
        Named,
        (status = 204, description = "It is done"),
        (status = 409, description = "A tenant keeps at least one owner", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        WithBody,
    ),
    security(("bearer" = [])),
)]
#[patch("/members/{user_id}")]
pub(crate) async fn change_member(
    api: Data<Api>,
    Caller(caller): Caller,
    user_id: Path<String>,
    body: Body<RoleBody>,
) -> Result<HttpResponse, Failure> {
    let (user, role) = (user_id.parse::<UserId>().map_err(|_| no_member())?, body.0);
    run(&api, |api| async move {
        api.people.change_member(&caller, user, Some(role)).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes a member from the caller's tenant. Their sessions there, and their access tokens, end within a second.
#[utoipa::path(
    tag = "members",
    params(("user_id" = String, Path, description = "The member", format = Uuid)),
    responses(
        Private,
        Named,
        (status = 204, description = "It is done"),
        (status = 409, description = "A tenant keeps at least one owner", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[delete("/members/{user_id}")]
pub(crate) async fn remove_member(
    api: Data<Api>,
    Caller(caller): Caller,
    user_id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let user = user_id.parse::<UserId>().map_err(|_| no_member())?;
    run(&api, |api| async move {
        api.people.change_member(&caller, user, None).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Invites somebody into the caller's tenant by mail. It gives no power before it is accepted.
#[utoipa::path(
    tag = "members",
    request_body = InviteBody,
    responses(
        Private,
        (status = 201, description = "The invitation; a mail is on its way", body = InvitationAnswer),
        (status = 409, description = "The person is a member already", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
        WithBody,
        Limited,
    ),
    security(("bearer" = [])),
)]
#[post("/invitations")]
pub(crate) async fn invite(
    api: Data<Api>,
    Caller(caller): Caller,
    body: Body<InviteBody>,
) -> Result<HttpResponse, Failure> {
    let (email, role) = body.0;
    let invited = run(&api, |api| async move {
        api.people.invite(&caller, &email, role).await
    });
    let link: Link = invited.await?;
    let invitation = InvitationAnswer::of(&link).ok_or_else(no_invitation)?;
    Ok(answer(StatusCode::CREATED, invitation))
}

/// Lists the invitations of the caller's tenant that were not accepted.
#[utoipa::path(
    tag = "members",
    responses(Private, (status = 200, description = "The invitations", body = InvitationList)),
    security(("bearer" = [])),
)]
#[get("/invitations")]
pub(crate) async fn list_invitations(
    api: Data<Api>,
    Caller(caller): Caller,
) -> Result<HttpResponse, Failure> {
    let found = run(
        &api,
        |api| async move { api.people.list_invitations(&caller).await },
    );
    let found: Vec<Link> = found.await?;
    let items = found.iter().filter_map(InvitationAnswer::of).collect();
    Ok(answer(StatusCode::OK, InvitationList { items }))
}

/// Takes an invitation of the caller's tenant back.
#[utoipa::path(
    tag = "members",
    params(("invitation_id" = String, Path, description = "The invitation")),
    responses(Private, Named, (status = 204, description = "It is gone")),
    security(("bearer" = [])),
)]
#[delete("/invitations/{invitation_id}")]
pub(crate) async fn withdraw_invitation(
    api: Data<Api>,
    Caller(caller): Caller,
    invitation_id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = invitation_id.parse::<LinkId>().map_err(|_| no_invitation())?;
    run(&api, |api| async move {
        api.people.withdraw_invitation(&caller, id).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Accepts a mailed invitation. Somebody without an account chooses a password with it.
#[utoipa::path(
    tag = "members",
    request_body = AcceptBody,
    responses(
        Private,
        (status = 200, description = "The tenant joined; log in to it", body = AcceptanceAnswer),
        WithBody,
        Limited,
    ),
)]
#[post("/invitations/accept")]
pub(crate) async fn accept_invitation(
    api: Data<Api>,
    body: Body<AcceptBody>,
) -> Result<HttpResponse, Failure> {
    let (token, password) = body.0;
    let accepted = run(&api, |api| async move {
        api.people.accept_invitation(&token, password).await
    });
    let Acceptance { tenant, role } = accepted.await?;
    let joined = AcceptanceAnswer {
        tenant_id: tenant.to_string(),
        role: role.as_str(),
    };
    Ok(answer(StatusCode::OK, joined))
}

impl From<MemberItem> for MemberAnswer {
    fn from(member: MemberItem) -> Self {
        Self {
            user_id: member.user.to_string(),
            email: member.email.to_string(),
            email_verified: member.email_verified,
            role: member.role.as_str(),
            status: member.state.as_str(),
            joined_at: member.since,
        }
    }
}

impl InvitationAnswer {
    /// Other links are nobody's business here.
    fn of(link: &Link) -> Option<Self> {
        match &link.kind {
            LinkKind::Invitation { role, invited_by, .. } => Some(Self {
                id: link.id.to_string(),
                email: link.email.to_string(),
                role: role.as_str(),
                invited_by: invited_by.to_string(),
                created_at: link.created_at,
                expires_at: link.expires_at,
            }),
            LinkKind::PasswordReset(_) | LinkKind::EmailVerification(_) => None,
        }
    }
}
