//! Asking the provider: one request, sent again while nothing has come, and then its stream.

use std::{error::Error, iter, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chancery_agents::{Model, ModelError, ModelEvent, ModelRequest};
use chancery_ambient::{Ambient, Clock, DeadlinePassed, within};
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use reqwest::{
    Client, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::{
    Api, OpenAiSettings, SettingsError,
    answer::{self, Reader},
    chat_completions,
    failure::{self, broken},
    responses, retry,
};

/// Of the body of a refusal, which is read for its code alone.
const LARGEST_REFUSAL: usize = 64 * 1024;

/// Any provider with one of OpenAI's two streaming APIs.
pub struct OpenAiModel {
    client: Client,
    endpoint: Url,
    settings: OpenAiSettings,
    ambient: Ambient,
}

impl OpenAiModel {
    /// A model at the provider that the settings name. Nothing is sent yet.
    pub fn new(settings: OpenAiSettings, ambient: Ambient) -> Result<Self, SettingsError> {
        let endpoint = settings.endpoint()?;
        // reqwest panics without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SettingsError::NoTlsProvider);
        }
        let client = Client::builder()
            .default_headers(headers(settings.api_key.as_ref())?)
            // A provider has no reason to send us, and our key, elsewhere.
            .redirect(Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .build()
            .map_err(SettingsError::Client)?;
        Ok(Self {
            client,
            endpoint,
            settings,
            ambient,
        })
    }
}

#[async_trait]
impl Model for OpenAiModel {
    fn name(&self, wanted: &str) -> String {
        self.settings
            .model_override
            .clone()
            .unwrap_or_else(|| wanted.to_owned())
    }

    #[tracing::instrument(name = "model_openai.begin", skip_all, fields(model = %self.name(&request.model)))]
    async fn begin(
        &self,
        request: ModelRequest,
    ) -> Result<BoxStream<'static, Result<ModelEvent, ModelError>>, ModelError> {
        let body = self.body(&request);
        let mut retries = 0;
        loop {
            let failed = match self.attempt(body.clone()).await {
                Ok(events) => return Ok(events),
                Err(failed) => failed,
            };
            tracing::warn!(
                retries,
                code = failed.error.code(),
                causes = causes(&failed.error),
                "the model's provider gave no answer"
            );
            let wait = match failed.again {
                Again::After(asked) if retries < self.settings.max_retries => {
                    retry::wait(retries, asked, self.ambient.random())
                }
                Again::After(_) | Again::Never => None,
            };
            let Some(wait) = wait else {
                return Err(failed.error);
            };
            self.ambient.sleep(wait).await;
            retries += 1;
        }
    }
}

/// Why a request brought no stream.
struct Failed {
    error: ModelError,
    again: Again,
}

/// Whether to send the request once more.
enum Again {
    Never,
    /// After the wait that the provider asked for, if it did.
    After(Option<Duration>),
}

impl Failed {
    fn for_good(error: ModelError) -> Self {
        Self {
            error,
            again: Again::Never,
        }
    }

    fn for_now(error: ModelError) -> Self {
        Self {
            error,
            again: Again::After(None),
        }
    }
}

impl OpenAiModel {
    fn body(&self, request: &ModelRequest) -> Bytes {
        let model = self.name(&request.model);
        let body = match self.settings.api {
            Api::Responses => responses::body(request, &model),
            Api::ChatCompletions => chat_completions::body(request, &model),
        };
        body.to_string().into()
    }

    /// Sends the request once and waits for the first byte of the stream.
    async fn attempt(
        &self,
        body: Bytes,
    ) -> Result<BoxStream<'static, Result<ModelEvent, ModelError>>, Failed> {
        let sent = self.client.post(self.endpoint.clone()).body(body).send();
        let response = self
            .in_time(sent)
            .await?
            .map_err(|error| Failed::for_now(unreachable(error)))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        if !is_event_stream(response.headers()) {
            return Err(Failed::for_good(broken("the answer is no event stream")));
        }
        let mut bytes = response
            .bytes_stream()
            .try_filter(|chunk| std::future::ready(!chunk.is_empty()))
            .boxed();
        let first = match self.in_time(bytes.next()).await? {
            Some(Ok(first)) => first,
            Some(Err(error)) => return Err(Failed::for_now(unreachable(error))),
            None => return Err(Failed::for_now(broken("the answer is empty"))),
        };
        let rest = timed(bytes, self.ambient.clock.clone(), self.settings.idle_timeout);
        let reader = match self.settings.api {
            Api::Responses => Reader::Responses(responses::Reader::default()),
            Api::ChatCompletions => Reader::ChatCompletions(chat_completions::Reader::default()),
        };
        Ok(answer::events(stream::iter([Ok(first)]).chain(rest), reader))
    }

    /// What an answer of another status means.
    async fn refused(&self, response: Response) -> Failed {
        let status = response.status().as_u16();
        let asked = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry::asked(value, self.ambient.now()));
        // A refusal without a readable body is a refusal all the same.
        let body = self
            .in_time(read_refusal(response))
            .await
            .ok()
            .and_then(|body| serde_json::from_slice::<Value>(&body).ok());
        let error = failure::of_status(status, body.as_ref());
        if retry::is_transient(status) && error.is_retryable() {
            Failed {
                error,
                again: Again::After(asked),
            }
        } else {
            Failed::for_good(error)
        }
    }

    /// Silence before the first byte is not tried again: whoever waits has waited long enough.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Failed> {
        within(&*self.ambient.clock, self.settings.idle_timeout, work)
            .await
            .map_err(|DeadlinePassed| Failed::for_good(ModelError::TimedOut))
    }
}

fn headers(key: Option<&SecretString>) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("text/event-stream")),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]);
    if let Some(key) = key {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
            .map_err(|_| SettingsError::UnsendableKey)?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

/// A server that does not say what it sends is believed; one that says it sends something else, too.
fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/event-stream")
    })
}

/// As much of the body as may hold a code.
async fn read_refusal(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_REFUSAL {
            return Vec::new();
        }
    }
    body
}

/// The bytes until they end, break off or fail to come in time.
fn timed(
    bytes: impl Stream<Item = reqwest::Result<Bytes>> + Send + Unpin + 'static,
    clock: Arc<dyn Clock>,
    idle: Duration,
) -> impl Stream<Item = Result<Bytes, ModelError>> + Send {
    stream::unfold((bytes, clock), move |(mut bytes, clock)| async move {
        let chunk = match within(&*clock, idle, bytes.next()).await {
            Ok(chunk) => chunk?.map_err(|error| ModelError::Broken(without_address(error))),
            Err(DeadlinePassed) => Err(ModelError::TimedOut),
        };
        Some((chunk, (bytes, clock)))
    })
}

/// From the nearest to the root, for the log.
fn causes(error: &ModelError) -> String {
    let causes: Vec<String> = iter::successors(error.source(), |&cause| cause.source())
        .map(ToString::to_string)
        .collect();
    causes.join(": ")
}

fn unreachable(error: reqwest::Error) -> ModelError {
    ModelError::Unavailable(without_address(error))
}

/// The operator knows the address; a query in it may be secret.
fn without_address(error: reqwest::Error) -> Box<dyn Error + Send + Sync> {
    error.without_url().into()
}

#[cfg(test)]
mod tests;
