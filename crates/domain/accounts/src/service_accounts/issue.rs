//! Issuing a token, on a request that Vault signed or on a person's word.

use std::{future::Future, net::IpAddr, time::Duration};

use chancery_access::{Principal, Scope, Scopes};
use chancery_ambient::cause_of;
use chancery_events::{Event, EventKind};
use chancery_guards::{GuardKey, Take};
use chancery_ids::TenantId;
use chancery_tokens::{Family, RevocationOrder, ServiceGrant, network_of};
use ring::digest::{SHA256, digest};
use secrecy::SecretString;

use super::{
    IssueRefused, NonceMark, RuleBroken, ServiceAccount, ServiceAccountService, ServiceIssue, ServiceIssued,
    payload::{self, Payload},
};
use crate::TenantState;

/// What is asked for. Nobody has vouched for it.
#[derive(Debug, Clone)]
pub struct IssueRequest {
    /// The account.
    pub account: String,
    /// What its access tokens shall allow.
    pub scopes: Scopes,
    /// The tenant, for an account that needs one.
    pub tenant: Option<TenantId>,
    /// A shorter life than the account's usual one.
    pub lifetime_minutes: Option<u64>,
    /// The machine that alone may use it.
    pub fingerprint: Option<String>,
    /// Whether a live token is replaced.
    pub force: bool,
}

/// A request with the payload that Vault signed.
#[derive(Debug)]
pub struct SignedRequest<'a> {
    /// What is asked for; has to be what was signed.
    pub request: IssueRequest,
    /// The signed bytes, in base64url.
    pub payload: &'a str,
    /// What Vault answered.
    pub signature: &'a str,
    /// Where the request comes from, past trusted proxies.
    pub from: Option<IpAddr>,
}

/// A token, new or had before.
#[derive(Debug)]
pub struct IssuedServiceToken {
    /// The token.
    pub refresh_token: SecretString,
    /// What is known of it.
    pub family: Family,
    /// Whether it was issued before.
    pub reused: bool,
}

const LONGEST_FINGERPRINT: usize = 255;

impl ServiceAccountService {
    /// Issues a token on a signed request. The checks that cost least come first, and Vault is asked only about what would be
    /// granted; the nonce is used up in the change that stores the token.
    #[tracing::instrument(name = "accounts.issue_signed", skip_all, fields(account = %signed.request.account))]
    pub async fn issue_signed(&self, signed: SignedRequest<'_>) -> Result<IssuedServiceToken, IssueRefused> {
        let account = signed.request.account.clone();
        self.watched(&account, self.judge_signed(signed)).await
    }

    async fn judge_signed(&self, signed: SignedRequest<'_>) -> Result<IssuedServiceToken, IssueRefused> {
        let bytes = payload::decode(signed.payload)?;
        let payload = Payload::read(&bytes, &self.settings.audience, self.ambient.now())?;
        let account = self.account(&payload.account)?;
        let request = signed.request;
        payload.covers(&request)?;
        self.check_limits(account, signed.from).await?;
        let signatures = self.signatures.as_ref().ok_or(IssueRefused::NotConfigured)?;
        if !signatures
            .is_signed(&account.vault_key, &bytes, signed.signature)
            .await?
        {
            return Err(IssueRefused::BadSignature);
        }
        let nonce = NonceMark {
            digest: sha256(payload.nonce.as_bytes()),
            until: payload.forget_at,
        };
        // The machine that was signed for counts before one that was only asked for, which can but narrow.
        let fingerprint = payload.fingerprint.or(request.fingerprint.clone());
        let request = IssueRequest {
            fingerprint,
            ..request
        };
        self.issue(account, request, Some(nonce), None).await
    }

    /// Issues a token of the caller's tenant on the word of a person who runs it.
    #[tracing::instrument(name = "accounts.issue_by_person", skip_all, fields(account = %request.account))]
    pub async fn issue_by_person(
        &self,
        caller: &Principal,
        request: IssueRequest,
        reason: &str,
    ) -> Result<IssuedServiceToken, IssueRefused> {
        let account = request.account.clone();
        self.watched(&account, self.judge_person(caller, request, reason))
            .await
    }

    async fn judge_person(
        &self,
        caller: &Principal,
        request: IssueRequest,
        reason: &str,
    ) -> Result<IssuedServiceToken, IssueRefused> {
        caller.require_own()?;
        caller.require_person()?;
        caller.require(Scope::SERVICE_ACCOUNTS_MANAGE)?;
        let account = self.account(&request.account)?;
        if !account.requires_tenant {
            // A tenant does not make what belongs to none.
            return Err(RuleBroken::UnknownAccount(request.account).into());
        }
        if request.tenant.is_some_and(|tenant| tenant != caller.tenant) {
            return Err(RuleBroken::TenantNotActive.into());
        }
        self.check_limits(account, None).await?;
        let request = IssueRequest {
            tenant: Some(caller.tenant),
            ..request
        };
        self.issue(account, request, None, Some((caller, reason))).await
    }

    /// Tells whoever counts how it ended. Accounts that are not in the catalogue have no name there.
    async fn watched(
        &self,
        account: &str,
        issuing: impl Future<Output = Result<IssuedServiceToken, IssueRefused>>,
    ) -> Result<IssuedServiceToken, IssueRefused> {
        let began = self.ambient.clock.monotonic();
        let issued = issuing.await;
        let took = self.ambient.clock.monotonic().saturating_sub(began);
        let known = self
            .catalogue
            .find(account)
            .map_or("unknown", |known| known.account.as_str());
        let verdict = match &issued {
            Ok(issued) if issued.reused => "reused",
            Ok(_) => "issued",
            Err(refused) => refused.reason(),
        };
        self.watch.service_token(known, verdict, took);
        issued
    }

    fn account(&self, name: &str) -> Result<&ServiceAccount, RuleBroken> {
        self.catalogue
            .find(name)
            .ok_or_else(|| RuleBroken::UnknownAccount(name.to_owned()))
    }

    /// Limits that cannot be asked hold nobody back: Vault is asked a few times at once, whatever happens.
    async fn check_limits(&self, account: &ServiceAccount, from: Option<IpAddr>) -> Result<(), IssueRefused> {
        let limits = self.settings.limits;
        let of_account = GuardKey::without_tenant("service-issue-account", &[&account.account]);
        let together = GuardKey::without_tenant("service-issue", &[]);
        let mut takes = vec![
            Take::one(of_account, limits.per_account),
            Take::one(together, limits.together),
        ];
        if let Some(from) = from {
            let network = GuardKey::without_tenant("service-issue-network", &[&network_of(from)]);
            takes.push(Take::one(network, limits.per_network));
        }
        let verdict = match self.quota.take(&takes).await {
            Ok(verdict) => verdict,
            Err(fault) => {
                let source = cause_of(&fault);
                tracing::warn!(source, "{fault}: the issue of service tokens is not limited");
                return Ok(());
            }
        };
        let Some(retry_after) = verdict.retry_after() else {
            return Ok(());
        };
        let own = verdict.standings.first();
        let account_waits = own.is_some_and(|standing| !standing.wait.is_zero());
        Err(IssueRefused::TooMany {
            account: account_waits.then(|| account.account.clone()),
            retry_after,
        })
    }

    async fn issue(
        &self,
        account: &ServiceAccount,
        request: IssueRequest,
        nonce: Option<NonceMark>,
        by: Option<(&Principal, &str)>,
    ) -> Result<IssuedServiceToken, IssueRefused> {
        let life = check_rules(account, &request)?;
        let tenant = request.tenant.unwrap_or(TenantId::PLATFORM);
        let standing = self.store.standing(tenant, &account.account).await?;
        if standing.is_none_or(|standing| standing.tenant_state != TenantState::Active) {
            return Err(RuleBroken::TenantNotActive.into());
        }
        let grant = ServiceGrant {
            account: account.account.clone(),
            tenant,
            scopes: request.scopes,
            life,
            fingerprint: request.fingerprint,
        };
        let (family, refresh_token) = self.tokens.draw_service_token(grant)?;
        let issue = ServiceIssue {
            events: vec![self.issued_event(&family, by)],
            family: family.clone(),
            force: request.force,
            nonce,
            order: RevocationOrder::new(&self.ambient),
        };
        let is_signed = issue.nonce.is_some();
        let stored = self.store.issue(&issue).await?;
        if is_signed {
            self.watch.nonce(matches!(stored, ServiceIssued::NonceUsed));
        }
        match stored {
            ServiceIssued::New => Ok(IssuedServiceToken {
                refresh_token,
                family,
                reused: false,
            }),
            ServiceIssued::Reused(family) => Ok(IssuedServiceToken {
                refresh_token: self.tokens.reopen(&family)?,
                family: *family,
                reused: true,
            }),
            ServiceIssued::NonceUsed => Err(IssueRefused::NonceUsed),
        }
    }

    fn issued_event(&self, family: &Family, by: Option<(&Principal, &str)>) -> Event {
        let (tenant, sid) = (family.tenant, family.sid.to_string());
        let event = Event::new(&self.ambient, tenant, EventKind::ServiceTokenIssued, sid)
            .with("account", family.client_id.clone())
            .with("scopes", family.scopes.to_string());
        match by {
            Some((caller, reason)) => event
                .with("by", caller.subject.to_string())
                .with("reason", reason),
            None => event.with("by", "vault"),
        }
    }
}

impl Payload {
    /// Whether what was signed is what is asked for.
    fn covers(&self, request: &IssueRequest) -> Result<(), IssueRefused> {
        if self.account != request.account {
            return Err(IssueRefused::Mismatch("account"));
        }
        if self.tenant != request.tenant {
            return Err(IssueRefused::Mismatch("tenant"));
        }
        if self.scopes != request.scopes {
            return Err(IssueRefused::Mismatch("scopes"));
        }
        Ok(())
    }
}

/// Whether the catalogue allows it, and for how long.
fn check_rules(account: &ServiceAccount, request: &IssueRequest) -> Result<Duration, RuleBroken> {
    match (account.requires_tenant, request.tenant.and_then(TenantId::named)) {
        (true, None) => return Err(RuleBroken::TenantRequired),
        (false, Some(_)) => return Err(RuleBroken::TenantForbidden),
        (true, Some(_)) | (false, None) => {}
    }
    if request.scopes.is_empty() {
        return Err(RuleBroken::NoScope);
    }
    let allowed = request.scopes.within(&account.allowed_scopes);
    if let Some(more) = request
        .scopes
        .iter()
        .find(|scope| !allowed.iter().any(|one| one == *scope))
    {
        return Err(RuleBroken::ScopeNotAllowed(more.clone()));
    }
    let too_long = |name: &String| name.len() > LONGEST_FINGERPRINT;
    if request.fingerprint.as_ref().is_some_and(too_long) {
        return Err(RuleBroken::Fingerprint);
    }
    let most = account.default_life.as_secs() / 60;
    match request.lifetime_minutes {
        None => Ok(account.default_life),
        Some(minutes) if (1..=most).contains(&minutes) => Ok(Duration::from_secs(60 * minutes)),
        Some(_) => Err(RuleBroken::Lifetime { most }),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (byte, computed) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *byte = *computed;
    }
    hash
}
