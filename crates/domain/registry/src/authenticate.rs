//! Who a client is.

use std::{sync::Arc, time::Duration};

use chancery_guards::{Claim, GuardKey, Mark};
use chancery_ids::AppId;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    AppCredential, AppService, ClientRefused, SecretDigest, StandingApp,
    assertion::{self, Assertion},
};

/// What a client shows to prove itself (RFC 6749 section 2.3, RFC 7523 section 2.2).
#[derive(Debug)]
pub enum ClientCredentials {
    /// Its id and its secret, in a header or in the body.
    Secret {
        /// `client_id`.
        client_id: String,
        /// `client_secret`.
        secret: SecretString,
    },
    /// An assertion that it signed (`private_key_jwt`).
    Assertion {
        /// `client_id`, if it was sent too; has to be who signed.
        client_id: Option<String>,
        /// `client_assertion`.
        assertion: SecretString,
    },
}

impl AppService {
    /// The client behind the credentials. An assertion is accepted once.
    #[tracing::instrument(name = "registry.authenticate", skip_all)]
    pub async fn authenticate(&self, shown: &ClientCredentials) -> Result<Arc<StandingApp>, ClientRefused> {
        let standing = match shown {
            ClientCredentials::Secret { client_id, secret } => {
                let standing = Arc::new(self.by_secret(client_id, secret).await?);
                if standing.tenant_active {
                    self.known.remember(&standing, self.ambient.clock.monotonic());
                }
                standing
            }
            ClientCredentials::Assertion { client_id, assertion } => {
                Arc::new(self.by_assertion(client_id.as_deref(), assertion).await?)
            }
        };
        if standing.tenant_active {
            Ok(standing)
        } else {
            Err(ClientRefused::TenantSuspended)
        }
    }

    async fn by_secret(&self, client_id: &str, secret: &SecretString) -> Result<StandingApp, ClientRefused> {
        let standing = self.find(client_id).await?;
        // A client that is not there, or has no secret, costs as much as a wrong one.
        let nobodys = SecretDigest::from_stored([0; 32]);
        let digest = match standing.as_ref().map(|standing| &standing.app.credential) {
            Some(AppCredential::Secret(digest)) => digest,
            Some(AppCredential::Keys(_)) | None => &nobodys,
        };
        let fits = digest.fits(secret);
        match standing {
            Some(standing) if fits => Ok(standing),
            Some(_) => Err(ClientRefused::Invalid("the secret is wrong")),
            None => Err(ClientRefused::Invalid("there is no such client")),
        }
    }

    async fn by_assertion(
        &self,
        client_id: Option<&str>,
        text: &SecretString,
    ) -> Result<StandingApp, ClientRefused> {
        let unproven = Assertion::parse(text.expose_secret())?;
        let named = unproven.client();
        if client_id.is_some_and(|client_id| client_id != named) {
            return Err(ClientRefused::Invalid(
                "client_id is not who signed the assertion",
            ));
        }
        let standing = self.find(named).await?;
        let standing = standing.ok_or(ClientRefused::Invalid("there is no such client"))?;
        let AppCredential::Keys(keys) = &standing.app.credential else {
            return Err(ClientRefused::Invalid("the client proves itself by a secret"));
        };
        let now = self.ambient.now();
        let claims = unproven.verify(keys, &self.settings.assertion_audiences, now)?;
        let app = standing.app.id.to_string();
        let mark = Mark {
            key: GuardKey::of_tenant(standing.app.tenant, "client-assertion", &[&app, &claims.jti]),
            // Its time is told in whole seconds. What was made in the second in which the memory began counts: else nobody
            // would get in during the first.
            created: claims.issued_at.plus(Duration::from_secs(1)),
            until: claims.expires_at.plus(assertion::SKEW),
        };
        match self.assertions.claim(&mark).await? {
            Claim::Claimed => Ok(standing),
            Claim::Replayed => Err(ClientRefused::Invalid("the assertion was used before")),
            Claim::Past => Err(ClientRefused::Invalid("the assertion has expired")),
            // Nobody knows whether it was used: the client signs another one.
            Claim::Forgotten => Err(ClientRefused::Invalid(
                "the assertion is older than the memory of used ones",
            )),
        }
    }

    async fn find(&self, client_id: &str) -> Result<Option<StandingApp>, ClientRefused> {
        match client_id.parse::<AppId>() {
            Ok(id) => Ok(self.system.find_app(id).await?),
            Err(_) => Ok(None),
        }
    }
}
