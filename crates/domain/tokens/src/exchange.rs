//! Acting for somebody else (RFC 8693): the subject says who may, and that one exchanges the word for a token.

use std::sync::Arc;

use chancery_access::{Principal, Scopes, Subject};
use chancery_ids::TenantId;
use chancery_token_verify::{AccessClaims, Actor};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    AccessGrant, DelegationRefused, ExchangeRefused, IssuedAccess, Standing, TokenRefused, TokenService,
    warm::Genuine,
};

/// The longest chain of actors.
pub const MOST_ACTORS: usize = 4;

/// An exchange, asked for by a client that has proved who it is.
#[derive(Debug)]
pub struct ExchangeRequest<'a> {
    /// The token that says on whose behalf.
    pub subject_token: &'a SecretString,
    /// The client's own token.
    pub actor_token: &'a SecretString,
    /// The client.
    pub client: ActingClient,
    /// What it wants to do; everything it may when absent.
    pub scope: Option<Scopes>,
    /// For which services; the usual ones when empty.
    pub audiences: Vec<String>,
}

/// The client that wants to act.
#[derive(Debug, Clone)]
pub struct ActingClient {
    /// Who it is, in `sub` and `act`.
    pub subject: Subject,
    /// Its tenant.
    pub tenant: TenantId,
    /// The most it may ever do.
    pub allowed: Scopes,
}

impl TokenService {
    /// Makes the word by which `actor` may act for the caller: a token that no service takes, good for an exchange alone, and
    /// only by that actor. It allows what the presented token and `scope` both allow, and ends with it.
    #[tracing::instrument(name = "tokens.delegate", skip_all, fields(tenant = %caller.tenant))]
    pub async fn delegate(
        &self,
        caller: &Principal,
        presented: &SecretString,
        actor: Subject,
        scope: Option<Scopes>,
    ) -> Result<IssuedAccess, DelegationRefused> {
        let presented = self.live(presented).await?;
        let claims = &presented.claims;
        if claims.jti != caller.token {
            return Err(DelegationRefused::NotTheCaller);
        }
        if actors_of(claims) >= MOST_ACTORS {
            return Err(DelegationRefused::TooDeep);
        }
        let scopes = narrowed(scope, &claims.scope);
        if scopes.is_empty() {
            return Err(DelegationRefused::NoScope);
        }
        let grant = AccessGrant {
            may_act: Some(actor),
            audiences: vec![self.settings.issuer.clone()],
            scopes,
            client_id: claims.client_id.clone(),
            ..same_subject(claims, caller.tenant)
        };
        Ok(self.issue_access(grant)?)
    }

    /// Exchanges a subject's word and the client's own token for a token with which the client acts for the subject. It
    /// allows what request, subject and client all allow, and ends with the first of both tokens.
    #[tracing::instrument(name = "tokens.exchange", skip_all, fields(tenant = %request.client.tenant))]
    pub async fn exchange(&self, request: ExchangeRequest<'_>) -> Result<IssuedAccess, ExchangeRefused> {
        let client = request.client;
        if !self.issues_for(&request.audiences) {
            return Err(ExchangeRefused::UnknownAudience);
        }
        let subject = self
            .live(request.subject_token)
            .await
            .map_err(ExchangeRefused::Subject)?;
        let actor = self
            .live(request.actor_token)
            .await
            .map_err(ExchangeRefused::Actor)?;
        let (subject, actor) = (&subject.claims, &actor.claims);
        if actor.sub != client.subject || actor.act.is_some() {
            return Err(ExchangeRefused::NotTheClient);
        }
        if subject.tenant_id != Some(client.tenant) || actor.tenant_id != Some(client.tenant) {
            return Err(ExchangeRefused::OtherTenant);
        }
        if subject.may_act.as_ref().map(|may| &may.sub) != Some(&client.subject) {
            return Err(ExchangeRefused::NotAllowed);
        }
        if actors_of(subject) >= MOST_ACTORS {
            return Err(ExchangeRefused::TooDeep);
        }
        let scopes = narrowed(request.scope, &subject.scope).within(&client.allowed);
        if scopes.is_empty() {
            return Err(ExchangeRefused::NoScope);
        }
        let grant = AccessGrant {
            client_id: client.subject.to_string(),
            scopes,
            actor: Some(Actor {
                sub: client.subject,
                sv: actor.sv,
                act: subject.act.clone().map(Box::new),
            }),
            audiences: request.audiences,
            ends_by: Some(subject.exp.min(actor.exp)),
            ..same_subject(subject, client.tenant)
        };
        Ok(self.issue_access(grant)?)
    }

    /// A token that counts at this moment, whoever it is meant for here.
    pub(crate) async fn live(&self, token: &SecretString) -> Result<Arc<Genuine>, TokenRefused> {
        let genuine = self.genuine(token.expose_secret(), &self.own_verifier)?;
        let revoked = match self.revocations.standing(&genuine.marks) {
            Standing::Good => false,
            Standing::Revoked => true,
            Standing::Unknown => self.revocations.ask(&genuine.marks).await?,
        };
        if revoked {
            Err(TokenRefused::Revoked)
        } else {
            Ok(genuine)
        }
    }
}

/// A grant for the subject of a token, for as long as that.
fn same_subject(claims: &AccessClaims, tenant: TenantId) -> AccessGrant {
    AccessGrant {
        tenant,
        subject: claims.sub.clone(),
        client_id: String::new(),
        scopes: Scopes::default(),
        subject_epoch: claims.sv,
        tenant_epoch: claims.tv,
        session: claims.sid,
        email_verified: claims.email_verified,
        actor: claims.act.clone(),
        may_act: None,
        audiences: Vec::new(),
        ends_by: Some(claims.exp),
    }
}

fn actors_of(claims: &AccessClaims) -> usize {
    claims.act.iter().flat_map(Actor::chain).count()
}

fn narrowed(asked: Option<Scopes>, held: &Scopes) -> Scopes {
    asked.map_or_else(|| held.clone(), |asked| asked.within(held))
}
