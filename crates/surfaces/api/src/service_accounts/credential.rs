//! The headers of a request that Vault signed.

use actix_web::http::{
    StatusCode,
    header::{self, HeaderMap, HeaderValue},
};

use crate::problem::{Failure, Violation, Violations};

/// What the headers hold. Nothing of it is checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VaultCredential {
    /// The signed bytes, in base64url.
    pub(super) payload: String,
    /// The signature as Vault answered it.
    pub(super) signature: String,
}

impl VaultCredential {
    /// Reads the headers.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(authorization) = headers.get(header::AUTHORIZATION) else {
            let violation = Violation::new("header", "missing", "Field required").at("Authorization");
            return Err(Violations::from(violation).into());
        };
        let authorization = authorization.to_str().unwrap_or_default().trim();
        if authorization.is_empty() {
            return Err(refused("Missing Authorization header."));
        }
        let (scheme, credential) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(refused("Authorization header must use Bearer scheme."));
        }
        let Some(signature) = credential.trim().strip_prefix("vault:") else {
            return Err(refused(
                "Vault-signed credential required for service-account issuance.",
            ));
        };
        let payload = headers
            .get("x-vault-payload")
            .and_then(|value| value.to_str().ok());
        let Some(payload) = payload.filter(|payload| !payload.trim().is_empty()) else {
            return Err(refused("Missing X-Vault-Payload header."));
        };
        Ok(Self {
            payload: payload.to_owned(),
            signature: signature.to_owned(),
        })
    }
}

/// A credential that proves nothing.
pub(super) fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, message).with_header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"chancery\""),
    )
}
