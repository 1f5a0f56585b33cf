//! Stores of service accounts in memory, for this crate's tests.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chancery_access::Subject;
use chancery_ambient::{Fault, Timestamp};
use chancery_guards::{GuardKey, Quota, Take, Verdict};
use chancery_ids::TenantId;
use chancery_tokens::{EndReason, Family, RefreshFamilySystemStore, Revoked};

use super::{
    PayloadSignatures, ServiceIssue, ServiceIssued, ServiceStanding, ServiceTokenFilter, ServiceTokenStore,
};
use crate::TenantState;

/// Tokens of service accounts. Their families are kept where the token service finds them.
pub(crate) struct MemoryServiceTokens {
    families: Arc<dyn RefreshFamilySystemStore>,
    issued: tokio::sync::Mutex<Vec<Family>>,
    nonces: Mutex<HashSet<(String, [u8; 32])>>,
    pub(crate) tenants: Mutex<HashMap<TenantId, TenantState>>,
}

impl MemoryServiceTokens {
    pub(crate) fn over(families: Arc<dyn RefreshFamilySystemStore>) -> Self {
        Self {
            families,
            issued: tokio::sync::Mutex::default(),
            nonces: Mutex::default(),
            tenants: Mutex::default(),
        }
    }
}

#[async_trait]
impl ServiceTokenStore for MemoryServiceTokens {
    async fn standing(&self, tenant: TenantId, _: &str) -> Result<Option<ServiceStanding>, Fault> {
        let state = match tenant.named() {
            None => Some(TenantState::Active),
            Some(tenant) => self.tenants.lock().unwrap().get(&tenant).copied(),
        };
        Ok(state.map(|tenant_state| ServiceStanding {
            tenant_state,
            subject_epoch: 0,
            tenant_epoch: 0,
        }))
    }

    async fn issue(&self, issue: &ServiceIssue) -> Result<ServiceIssued, Fault> {
        let mut issued = self.issued.lock().await;
        let drawn = &issue.family;
        if let Some(nonce) = &issue.nonce
            && !self
                .nonces
                .lock()
                .unwrap()
                .insert((drawn.client_id.clone(), nonce.digest))
        {
            return Ok(ServiceIssued::NonceUsed);
        }
        let alike = |one: &Family| {
            (one.tenant, &one.subject, &one.scopes) == (drawn.tenant, &drawn.subject, &drawn.scopes)
        };
        if let Some(place) = issued.iter().position(alike) {
            let found = self.families.find(issued[place].sid).await?.unwrap();
            let does =
                found.ended.is_none() && found.expires_at > issue.order.at && found.binding == drawn.binding;
            if does && !issue.force {
                return Ok(ServiceIssued::Reused(Box::new(found)));
            }
            let end = issue.order.of(Revoked::Session(found.sid));
            self.families
                .end(found.sid, EndReason::Revoked, &end, &[])
                .await?;
            issued.remove(place);
        }
        self.families.begin(drawn, &issue.events).await?;
        issued.push(drawn.clone());
        Ok(ServiceIssued::New)
    }

    async fn list_service_tokens(
        &self,
        tenant: TenantId,
        _: &ServiceTokenFilter,
        _: Timestamp,
    ) -> Result<(Vec<Family>, u64), Fault> {
        let issued = self.issued.lock().await;
        let own: Vec<_> = issued
            .iter()
            .filter(|family| family.tenant == tenant)
            .cloned()
            .collect();
        let total = u64::try_from(own.len()).unwrap();
        Ok((own, total))
    }

    async fn prune_nonces(&self, _: Timestamp) -> Result<u64, Fault> {
        Ok(0)
    }
}

/// A Vault whose every key signs a payload as `<key>:<payload>`.
pub(crate) struct PlainSignatures;

pub(crate) fn sign(key: &str, payload: &[u8]) -> String {
    format!("{key}:{}", String::from_utf8_lossy(payload))
}

#[async_trait]
impl PayloadSignatures for PlainSignatures {
    async fn is_signed(&self, vault_key: &str, payload: &[u8], signature: &str) -> Result<bool, Fault> {
        if signature == "asleep" {
            return Err(Fault::unavailable("Vault is asleep"));
        }
        Ok(signature == sign(vault_key, payload))
    }
}

/// Takes add up and never come back. One that is told to fail does.
#[derive(Default)]
pub(crate) struct MemoryQuota {
    pub(crate) taken: Mutex<HashMap<GuardKey, Duration>>,
    pub(crate) fails: bool,
}

#[async_trait]
impl Quota for MemoryQuota {
    async fn take(&self, takes: &[Take]) -> Result<Verdict, Fault> {
        if self.fails {
            return Err(Fault::unavailable("nobody counts"));
        }
        let mut counted = self.taken.lock().unwrap();
        let backlogs: Vec<_> = takes
            .iter()
            .map(|take| counted.get(&take.key).copied().unwrap_or_default())
            .collect();
        let verdict = Verdict::weigh(takes, &backlogs);
        for (take, standing) in takes.iter().zip(&verdict.standings) {
            counted.insert(take.key.clone(), standing.whole_in);
        }
        Ok(verdict)
    }
}

/// The person of a tenant's administration.
pub(crate) fn subject(name: &str) -> Subject {
    Subject::ServiceAccount(name.to_owned())
}
