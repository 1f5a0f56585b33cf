//! One request and its answer, and whether Vault is there at all.

use std::{error::Error, fmt::Write, iter, sync::Arc, time::Duration};

use bytes::Bytes;
use chancery_ambient::{Clock, DeadlinePassed, within};
use reqwest::{
    Client, Method, RequestBuilder, Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::{SettingsError, VaultError, VaultSettings};

/// For one call, from the connection to the last byte of the answer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// Of it, for the connection: less, so that it is known when nothing was sent.
const CONNECT_DEADLINE: Duration = Duration::from_millis(1500);

/// Of an answer. More than a set of thousands of keys needs.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Of Vault's own words, in characters.
const LONGEST_SAYING: usize = 200;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Agents that guard against requests forged through a browser ask for it.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// A connection to Vault, or to OpenBao.
pub struct VaultClient {
    http: Client,
    address: Url,
    namespace: Option<HeaderValue>,
    token: SecretString,
    clock: Arc<dyn Clock>,
}

impl VaultClient {
    /// A client for the Vault that the settings name. Nothing is sent yet.
    pub fn new(settings: VaultSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let address = settings.checked_address()?;
        let headers = HeaderMap::from_iter([
            (TOKEN, settings.token_header()?),
            (REQUEST, HeaderValue::from_static("true")),
        ]);
        let namespace = settings.namespace_header()?;
        // reqwest panics without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SettingsError::NoTlsProvider);
        }
        let http = Client::builder()
            .default_headers(headers)
            // Whoever answers in Vault's place must not be able to send the token elsewhere.
            .redirect(Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_DEADLINE)
            .build()
            .map_err(SettingsError::Client)?;
        Ok(Self {
            http,
            address,
            namespace,
            token: settings.token,
            clock,
        })
    }

    /// Whether Vault can be reached, is open, and knows the token; for how long it will, where that has an end.
    #[tracing::instrument(name = "vault.check", skip_all)]
    pub async fn check(&self) -> Result<Option<Duration>, VaultError> {
        self.check_open().await?;
        let own: Data<TokenData> = self.get("auth/token/lookup-self").await?.accepted()?.read()?;
        Ok((own.data.ttl > 0).then(|| Duration::from_secs(own.data.ttl)))
    }

    /// Whether Vault can be reached and is open.
    pub(crate) async fn check_open(&self) -> Result<(), VaultError> {
        // Nodes that forward to the active one are as good as it. This path is in no namespace.
        let mut url = self.url("sys/health");
        url.set_query(Some("standbyok=true&perfstandbyok=true"));
        let answer = self.send("sys/health", self.http.get(url)).await?;
        let health: Health = answer.read()?;
        if !health.initialized {
            Err(VaultError::NotInitialised)
        } else if health.sealed {
            Err(VaultError::Sealed)
        } else {
            Ok(())
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, VaultError> {
        let request = self.http.request(Method::GET, self.url(path));
        self.send(path, self.in_namespace(request)).await
    }

    /// One of several versions of a secret.
    pub(crate) async fn get_version(&self, path: &str, version: u64) -> Result<Answer, VaultError> {
        let mut url = self.url(path);
        url.query_pairs_mut().append_pair("version", &version.to_string());
        self.send(path, self.in_namespace(self.http.get(url))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Answer, VaultError> {
        let request = self
            .http
            .post(self.url(path))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            // The owner is wiped when the last part of it was sent.
            .body(Bytes::from_owner(body));
        self.send(path, self.in_namespace(request)).await
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn in_namespace(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.namespace {
            Some(namespace) => request.header(NAMESPACE, namespace),
            None => request,
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.address.clone();
        url.set_query(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        url
    }

    async fn send(&self, path: &str, request: RequestBuilder) -> Result<Answer, VaultError> {
        let exchange = async {
            let response = request.send().await.map_err(|error| self.not_sent(error))?;
            let status = response.status().as_u16();
            let body = read(response).await?;
            Ok(Answer {
                path: path.to_owned(),
                status,
                said: (status >= 300).then(|| self.said(&body)).flatten(),
                body,
            })
        };
        within(&*self.clock, DEADLINE, exchange)
            .await
            .unwrap_or_else(|DeadlinePassed| Err(VaultError::TimedOut))
    }

    fn not_sent(&self, error: reqwest::Error) -> VaultError {
        let is_connect = error.is_connect();
        let why = causes(error);
        if is_connect {
            let address = self.address.origin().ascii_serialization();
            VaultError::Unreachable { address, why }
        } else {
            VaultError::BrokenOff { why }
        }
    }

    /// What Vault gave as its reasons; `None` when whoever answered does not speak as Vault does. Should the token be
    /// among the words they are left out.
    fn said(&self, body: &[u8]) -> Option<Vec<String>> {
        let errors: Errors = serde_json::from_slice(body).ok()?;
        let token = self.token.expose_secret();
        let sayable = |said: &String| !said.contains(token);
        let plain = |said: String| {
            let words: Vec<&str> = said.split_whitespace().collect();
            words.join(" ").chars().take(LONGEST_SAYING).collect()
        };
        Some(errors.errors.into_iter().filter(sayable).map(plain).collect())
    }
}

/// What Vault answered, with whatever status.
pub(crate) struct Answer {
    path: String,
    status: u16,
    body: Zeroizing<Vec<u8>>,
    /// Its reasons for another status than 200.
    said: Option<Vec<String>>,
}

impl Answer {
    /// The answer, if it is what was asked for.
    pub(crate) fn accepted(self) -> Result<Self, VaultError> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(self.refusal())
        }
    }

    /// What an answer of another status than 200 means.
    pub(crate) fn refusal(&self) -> VaultError {
        let path = self.path.clone();
        match self.status {
            403 => VaultError::Forbidden { path },
            404 if self.says("no handler for route") => VaultError::NothingMounted { path },
            503 if self.says("is sealed") => VaultError::Sealed,
            status => VaultError::Refused {
                path,
                status,
                said: self.words(),
            },
        }
    }

    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, VaultError> {
        serde_json::from_slice(&self.body).map_err(|_| self.malformed())
    }

    /// The answer is not of Vault's form.
    pub(crate) fn malformed(&self) -> VaultError {
        VaultError::Malformed {
            path: self.path.clone(),
        }
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// Vault looked, and there is nothing: status 404 without any reason.
    pub(crate) fn is_absence(&self) -> bool {
        self.status == 404 && self.said.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether one of Vault's reasons has these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.said.iter().flatten().any(|said| said.contains(words))
    }

    fn words(&self) -> String {
        match self.said.as_deref() {
            None | Some([]) => "no reason given".to_owned(),
            Some(said) => said.join("; "),
        }
    }
}

/// The `data` around everything Vault answers.
#[derive(Deserialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

#[derive(Deserialize)]
struct TokenData {
    /// In seconds; 0 for ever.
    ttl: u64,
}

#[derive(Deserialize)]
struct Health {
    initialized: bool,
    sealed: bool,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let announced = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    let announced = announced.unwrap_or(0);
    if announced > LARGEST_ANSWER {
        return Err(VaultError::TooLarge);
    }
    // Room for all of it, so that growth seldom moves a secret.
    let mut body = Zeroizing::new(Vec::with_capacity(announced));
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| VaultError::BrokenOff { why: causes(error) })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(VaultError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
}

/// From the nearest to the root. reqwest's own text says next to nothing.
fn causes(error: reqwest::Error) -> String {
    // The operator knows the address, and it is named where it helps.
    let error = error.without_url();
    let mut text = error.to_string();
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        // Into memory: it cannot fail.
        let _ = write!(text, ": {cause}");
    }
    text
}

#[cfg(test)]
mod tests;
