//! What an operator sets.

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where Vault is and who we are to it.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// `VAULT_ADDR`: what `/v1/…` is appended to.
    pub address: Url,
    /// `VAULT_TOKEN`.
    pub token: SecretString,
    /// The namespace in which all paths are, such as `team/prod`.
    pub namespace: Option<String>,
}

/// Why no client can be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Only `http` and `https` can be asked.
    #[error("VAULT_ADDR is no http or https address")]
    NotHttp,
    /// A user name or password in an address ends up in logs.
    #[error("VAULT_ADDR holds credentials: Vault knows us by VAULT_TOKEN")]
    CredentialsInUrl,
    /// There is no token, or it cannot be sent.
    #[error("VAULT_TOKEN is empty, or holds characters that no HTTP header may carry")]
    UnsendableToken,
    /// The namespace cannot be sent.
    #[error("the Vault namespace is empty, or holds characters that no HTTP header may carry")]
    UnsendableNamespace,
    /// The process installed no rustls provider.
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

impl VaultSettings {
    /// The address, if it can be asked.
    pub(crate) fn checked_address(&self) -> Result<Url, SettingsError> {
        let address = &self.address;
        if !matches!(address.scheme(), "http" | "https") || address.cannot_be_a_base() {
            return Err(SettingsError::NotHttp);
        }
        if !address.username().is_empty() || address.password().is_some() {
            return Err(SettingsError::CredentialsInUrl);
        }
        Ok(address.clone())
    }

    pub(crate) fn token_header(&self) -> Result<HeaderValue, SettingsError> {
        let mut header = HeaderValue::try_from(self.token.expose_secret())
            .ok()
            .filter(|header| !header.is_empty())
            .ok_or(SettingsError::UnsendableToken)?;
        header.set_sensitive(true);
        Ok(header)
    }

    pub(crate) fn namespace_header(&self) -> Result<Option<HeaderValue>, SettingsError> {
        let namespace = self.namespace.as_ref().map(|namespace| {
            HeaderValue::try_from(namespace)
                .ok()
                .filter(|header| !header.is_empty())
                .ok_or(SettingsError::UnsendableNamespace)
        });
        namespace.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::{SettingsError, VaultSettings};

    fn settings(address: &str, token: &str) -> VaultSettings {
        VaultSettings {
            address: address.parse().unwrap(),
            token: token.into(),
            namespace: None,
        }
    }

    #[test]
    fn only_addresses_that_can_be_asked_are_taken() {
        assert!(settings("http://127.0.0.1:8200", "t").checked_address().is_ok());
        assert!(
            settings("https://vault.example.test/prefix/", "t")
                .checked_address()
                .is_ok()
        );
        for address in ["ftp://vault.example.test", "mailto:a@example.test"] {
            let refused = settings(address, "t").checked_address();
            assert!(matches!(refused, Err(SettingsError::NotHttp)), "{address}");
        }
        let refused = settings("https://a:b@example.test", "t").checked_address();
        assert!(matches!(refused, Err(SettingsError::CredentialsInUrl)));
    }

    #[test]
    fn a_token_that_is_empty_or_cannot_be_sent_is_refused() {
        for token in ["", "two\nlines"] {
            assert!(
                settings("http://127.0.0.1", token).token_header().is_err(),
                "{token:?}"
            );
        }
    }

    #[test]
    fn neither_settings_nor_header_show_the_token() {
        let settings = settings("http://127.0.0.1", "s.very-secret");
        let shown = format!("{settings:?} {:?}", settings.token_header().unwrap());
        assert!(!shown.contains("very-secret"), "{shown}");
    }
}
