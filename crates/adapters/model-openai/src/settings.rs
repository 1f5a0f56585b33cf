//! What an operator sets.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// Where the provider is and how it is asked.
#[derive(Clone)]
pub struct OpenAiSettings {
    /// What the API's paths are appended to, such as `https://api.openai.com/v1`. A query in it is kept.
    pub base_url: Url,
    /// Sent as a bearer token. Local servers need none.
    pub api_key: Option<SecretString>,
    /// Which of the two APIs the provider has.
    pub api: Api,
    /// Asked for instead of the model that an agent names.
    pub model_override: Option<String>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long the provider may be silent: before its first byte and between any two.
    pub idle_timeout: Duration,
    /// How often a request is sent again before its first byte has come.
    pub max_retries: u32,
}

/// An API that streams answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `POST {base}/responses`.
    Responses,
    /// `POST {base}/chat/completions`, which nearly every local server has.
    ChatCompletions,
}

/// Why no model can be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Only `http` and `https` can be asked.
    #[error("the base URL is no http or https address")]
    NotHttp,
    /// A user name or password in an address ends up in logs.
    #[error("the base URL holds credentials: set the API key instead")]
    CredentialsInUrl,
    /// The key cannot be sent.
    #[error("the API key holds characters that no HTTP header may carry")]
    UnsendableKey,
    /// The process installed no rustls provider.
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

impl OpenAiSettings {
    /// The Responses API at `base_url` without a key: 10 s to connect, 60 s of silence, two retries.
    #[must_use]
    pub const fn at(base_url: Url) -> Self {
        Self {
            base_url,
            api_key: None,
            api: Api::Responses,
            model_override: None,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            max_retries: 2,
        }
    }

    /// Where turns are posted.
    pub(crate) fn endpoint(&self) -> Result<Url, SettingsError> {
        let mut endpoint = self.base_url.clone();
        if !matches!(endpoint.scheme(), "http" | "https") {
            return Err(SettingsError::NotHttp);
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(SettingsError::CredentialsInUrl);
        }
        let path: &[&str] = match self.api {
            Api::Responses => &["responses"],
            Api::ChatCompletions => &["chat", "completions"],
        };
        endpoint
            .path_segments_mut()
            .map_err(|()| SettingsError::NotHttp)?
            .pop_if_empty()
            .extend(path);
        Ok(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::{Api, OpenAiSettings, SettingsError};

    fn endpoint(base_url: &str, api: Api) -> Result<String, SettingsError> {
        let settings = OpenAiSettings {
            api,
            ..OpenAiSettings::at(base_url.parse().unwrap())
        };
        settings.endpoint().map(String::from)
    }

    #[test]
    fn the_path_is_appended_to_the_base_with_and_without_a_slash() {
        for (base, expected) in [
            (
                "https://api.example.test/v1",
                "https://api.example.test/v1/responses",
            ),
            (
                "https://api.example.test/v1/",
                "https://api.example.test/v1/responses",
            ),
            ("http://127.0.0.1:11434", "http://127.0.0.1:11434/responses"),
            (
                "https://x.example.test/openai?api-version=1",
                "https://x.example.test/openai/responses?api-version=1",
            ),
        ] {
            assert_eq!(endpoint(base, Api::Responses).unwrap(), expected);
        }
        assert_eq!(
            endpoint("http://localhost/v1", Api::ChatCompletions).unwrap(),
            "http://localhost/v1/chat/completions"
        );
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        assert!(matches!(
            endpoint("ftp://example.test", Api::Responses),
            Err(SettingsError::NotHttp)
        ));
        assert!(matches!(
            endpoint("mailto:a@example.test", Api::Responses),
            Err(SettingsError::NotHttp)
        ));
        let with_password = endpoint("https://a:b@example.test", Api::Responses);
        assert!(matches!(with_password, Err(SettingsError::CredentialsInUrl)));
    }
}
