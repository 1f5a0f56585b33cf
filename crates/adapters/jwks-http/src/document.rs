//! One fetch: a conditional request with a deadline and a limit.

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Clock, within};
use chancery_jose::JwkSet;
use chancery_token_verify::KeyRing;
use reqwest::{
    Client, Response, StatusCode,
    header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH},
    redirect::Policy,
};
use url::{Host, Url};

use crate::{FetchFailed, RemoteKeysError};

/// For a fetch, from the connection to the last byte.
const DEADLINE: Duration = Duration::from_secs(5);
/// When the issuer does not say for how long its answer holds.
const USUAL_AGE: Duration = Duration::from_mins(5);
/// However long the issuer says: a set that is asked for less often than this misses a compromise for longer.
const LONGEST_AGE: Duration = Duration::from_hours(1);

/// A key set as it was answered.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) tag: Option<HeaderValue>,
}

/// Where the documents come from.
pub(crate) struct Source {
    http: Client,
    url: Url,
    clock: Arc<dyn Clock>,
}

impl Source {
    pub(crate) fn new(url: Url, clock: Arc<dyn Clock>) -> Result<Self, RemoteKeysError> {
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here(&url)) {
            return Err(RemoteKeysError::NotSecure(url));
        }
        // reqwest panics without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(RemoteKeysError::NoTlsProvider);
        }
        let http = Client::builder()
            // Whoever answers in the issuer's place must not be able to send us elsewhere.
            .redirect(Policy::none())
            .build()
            .map_err(RemoteKeysError::Client)?;
        Ok(Self { http, url, clock })
    }

    /// The issuer's document, which may be the `known` one still, and for how long it holds without asking again.
    pub(crate) async fn fetch(&self, known: Option<&Document>) -> Result<(Document, Duration), FetchFailed> {
        let mut request = self.http.get(self.url.clone());
        if let Some(tag) = known.and_then(|known| known.tag.as_ref()) {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let fetched = async {
            let answer = request.send().await.map_err(FetchFailed::Unreachable)?;
            let max_age = max_age(answer.headers());
            let document = match (answer.status(), known) {
                (StatusCode::NOT_MODIFIED, Some(known)) if known.tag.is_some() => known.clone(),
                (StatusCode::OK, _) => {
                    let tag = answer.headers().get(ETAG).cloned();
                    let ring = Arc::new(read(answer).await?);
                    Document { ring, tag }
                }
                (other, _) => return Err(FetchFailed::Status(other)),
            };
            Ok((document, max_age))
        };
        within(&*self.clock, DEADLINE, fetched)
            .await
            .unwrap_or(Err(FetchFailed::Late))
    }
}

async fn read(mut answer: Response) -> Result<KeyRing, FetchFailed> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(FetchFailed::Unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > JwkSet::MAX_BYTES {
            return Err(FetchFailed::TooLarge);
        }
    }
    let document = JwkSet::parse(&body).map_err(|error| FetchFailed::Unreadable(error.into()))?;
    KeyRing::of_document(&document).map_err(|error| FetchFailed::Unreadable(error.into()))
}

/// `max-age` of the answer (RFC 9111 section 5.2.2.1). What must not be kept is asked for again as soon as somebody needs it.
fn max_age(headers: &HeaderMap) -> Duration {
    let directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase());
    let mut age = USUAL_AGE;
    for directive in directives {
        if directive == "no-store" || directive == "no-cache" {
            return Duration::ZERO;
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            age = seconds.trim_matches('"').parse().map_or(age, Duration::from_secs);
        }
    }
    age.min(LONGEST_AGE)
}

/// Whether nobody else is on the way.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{CACHE_CONTROL, HeaderMap, HeaderValue};

    use super::{LONGEST_AGE, USUAL_AGE, is_here, max_age};

    #[test]
    fn an_answer_says_for_how_long_it_holds() {
        let seconds = Duration::from_secs;
        for (text, age) in [
            ("public, max-age=120", seconds(120)),
            ("Max-Age=\"7\"", seconds(7)),
            ("max-age=soon", USUAL_AGE),
            ("public", USUAL_AGE),
            ("max-age=99999999", LONGEST_AGE),
            ("max-age=60, no-store", Duration::ZERO),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(text))]);
            assert_eq!(max_age(&headers), age, "{text}");
        }
        assert_eq!(max_age(&HeaderMap::new()), USUAL_AGE);
    }

    #[test]
    fn only_this_machine_is_here() {
        for (url, here) in [
            ("http://127.0.0.1:80/", true),
            ("http://localhost/", true),
            ("http://[::1]/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_here(&url.parse().unwrap()), here, "{url}");
        }
    }
}
