//! Logging in with a password.

use std::net::IpAddr;

use chancery_access::Subject;
use chancery_ids::TenantId;
use chancery_tokens::{Seen, SessionGrant};
use secrecy::SecretString;

use crate::{
    AccountService, EmailAddress, Familiarity, LoggedIn, Login, LoginRefused, Member, PasswordHash,
    TenantState, UserState, Verdict,
};

/// What a person presents.
#[derive(Debug)]
pub struct LoginRequest<'a> {
    /// The address, as it was typed.
    pub email: &'a str,
    /// The password.
    pub password: SecretString,
    /// The tenant to log in to, for people who belong to several.
    pub tenant: Option<TenantId>,
    /// A name of the client's own for its device. The session is bound to it: only who sends it can refresh.
    pub device: Option<String>,
    /// Where the request comes from, past trusted proxies.
    pub from: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
}

/// `client_id` of sessions that began with a password (RFC 9068 section 2.2 demands one).
const PASSWORD_LOGIN: &str = "password";

impl AccountService {
    /// Checks the password and begins a session.
    ///
    /// Whatever the address, exactly one password is hashed and compared, so that neither the answer nor the time it takes
    /// tells who has an account, or that one is locked. What else may be wrong is told to those alone who know the password.
    ///
    /// After too many tries a password is looked at no more, except for a device that has logged in before: strangers lock
    /// each other out, never the owner.
    #[tracing::instrument(name = "accounts.log_in", skip_all)]
    pub async fn log_in(&self, request: LoginRequest<'_>) -> Result<LoggedIn, LoginRefused> {
        let began = self.ambient.clock.monotonic();
        let logged_in = self.judge_login(request).await;
        let took = self.ambient.clock.monotonic().saturating_sub(began);
        let result = logged_in
            .as_ref()
            .map_or_else(LoginRefused::reason, |_| "success");
        self.watch.login(result, took);
        logged_in
    }

    async fn judge_login(&self, request: LoginRequest<'_>) -> Result<LoggedIn, LoginRefused> {
        if let Some(retry_after) = self.guard.network_wait(request.from).await {
            self.watch.lockout("network");
            return Err(LoginRefused::TooManyFailures { retry_after });
        }
        let login = match EmailAddress::parse(request.email) {
            Ok(email) => self.system.find_login(&email).await?,
            Err(_) => None,
        };
        let familiarity = self
            .familiarity(login.as_ref(), request.device.as_deref())
            .await?;
        let locked = familiarity == Familiarity::Stranger && !self.guard.may_try(request.email).await;
        if locked {
            self.watch.lockout("address");
        }
        let stored = login.as_ref().and_then(|login| login.password.clone());
        let stored = stored.filter(|_| !locked);
        let verdict = self
            .passwords
            .verify(request.password.clone(), stored.clone(), familiarity)
            .await?;
        let (Verdict::Right { renew }, Some(login)) = (verdict, login) else {
            self.guard.note_failure(request.from).await;
            return Err(LoginRefused::InvalidCredentials);
        };
        self.guard.note_success(request.email).await;

        check_person(login.state)?;
        let tenant = choose_tenant(&login, request.tenant)?;
        // The membership may have changed while the password was compared, and the epochs are the member's.
        let member = self.members.find_member(tenant, login.user).await?;
        let member = member.ok_or(LoginRefused::InvalidCredentials)?;
        check_person(member.state)?;
        check_tenant(member.tenant_state)?;

        if let (true, Some(old)) = (renew, stored) {
            self.renew_hash(&member, &old, request.password).await;
        }
        let grant = SessionGrant {
            tenant,
            subject: member.subject(),
            client_id: PASSWORD_LOGIN.to_owned(),
            authority: member.authority(),
            device: request.device,
            seen: Seen::new(request.from, request.user_agent),
        };
        let pair = self.tokens.begin_session(grant, Vec::new()).await?;
        Ok(member.logged_in(pair))
    }

    /// A device is known by the id that it sent when it logged in before.
    async fn familiarity(
        &self,
        login: Option<&Login>,
        device: Option<&str>,
    ) -> Result<Familiarity, LoginRefused> {
        let (Some(login), Some(device)) = (login, device) else {
            return Ok(Familiarity::Stranger);
        };
        let subject = Subject::Person(login.user);
        Ok(if self.tokens.knows_device(&subject, device).await? {
            Familiarity::Familiar
        } else {
            Familiarity::Stranger
        })
    }

    /// Stores the password's hash anew with today's parameters. A failure costs nothing but another try at the next login.
    async fn renew_hash(&self, member: &Member, old: &PasswordHash, password: SecretString) {
        let renewed = async {
            let new = self.passwords.hash(password, Familiarity::Familiar).await?;
            let at = self.ambient.now();
            Ok::<_, LoginRefused>(
                self.members
                    .renew_password_hash(member.user, old, &new, at)
                    .await?,
            )
        };
        match renewed.await {
            Ok(renewed) => tracing::info!(user = %member.user, renewed, "a password hash was made anew"),
            Err(error) => tracing::warn!(user = %member.user, %error, "a password hash stays as it was"),
        }
    }
}

fn check_person(state: UserState) -> Result<(), LoginRefused> {
    match state {
        UserState::Active => Ok(()),
        UserState::Pending => Err(LoginRefused::Pending),
        UserState::Disabled => Err(LoginRefused::Disabled),
    }
}

fn check_tenant(state: TenantState) -> Result<(), LoginRefused> {
    match state {
        TenantState::Active => Ok(()),
        TenantState::Suspended => Err(LoginRefused::TenantSuspended),
    }
}

/// The tenant asked for, or the only one. A tenant the person does not belong to is as unknown as one that never was.
fn choose_tenant(login: &Login, asked: Option<TenantId>) -> Result<TenantId, LoginRefused> {
    let own: Vec<_> = login
        .memberships
        .iter()
        .map(|membership| membership.tenant)
        .collect();
    match (asked, own.as_slice()) {
        (Some(asked), own) if own.contains(&asked) => Ok(asked),
        (None, [only]) => Ok(*only),
        (Some(_), _) | (None, []) => Err(LoginRefused::InvalidCredentials),
        (None, _) => Err(LoginRefused::TenantRequired { tenants: own }),
    }
}

#[cfg(test)]
mod tests;
