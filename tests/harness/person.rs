//! Somebody who is logged in, and what they do.

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::Frames;

/// A logged-in person.
#[derive(Clone)]
pub struct Person {
    client: Client,
    url: String,
    /// Their access token.
    pub access_token: String,
    /// Their refresh token.
    pub refresh_token: String,
}

impl Person {
    /// Logs in, which must succeed.
    pub async fn log_in(url: &str, email: &str, password: &str) -> Self {
        let client = client();
        let body = json!({"email": email, "password": password});
        let answer = client
            .post(format!("{url}/api/v1/auth/token"))
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let pair: Value = answer.json().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{pair}");
        Self {
            client,
            url: url.to_owned(),
            access_token: pair["access_token"].as_str().unwrap().to_owned(),
            refresh_token: pair["refresh_token"].as_str().unwrap().to_owned(),
        }
    }

    /// The server they talk to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same person at another server that knows them.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    /// The same person with another access token.
    #[must_use]
    pub fn with_access_token(&self, token: &str) -> Self {
        Self {
            access_token: token.to_owned(),
            ..self.clone()
        }
    }

    /// A request with their token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.access_token)
    }

    /// GET, which must succeed.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// POST of JSON, whatever the answer.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    /// Waits until their access token is refused, which must be so within a second.
    pub async fn until_refused(&self) {
        for _ in 0..20 {
            let answer = self.request(Method::GET, "/api/v1/tools").send().await.unwrap();
            if answer.status() == StatusCode::UNAUTHORIZED {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the token is still taken after a second");
    }

    /// One turn without a stream, which must succeed.
    pub async fn chat(&self, conversation: &str, message: &str) -> Value {
        let body = json!({"message": message, "conversation_id": conversation});
        let answer = self.post("/api/v1/chat", &body).await;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// One turn as a stream.
    pub async fn stream(&self, conversation: &str, message: &str) -> Frames {
        let body = json!({"message": message, "conversation_id": conversation});
        Frames::of(self.post("/api/v1/chat/stream", &body).await)
    }

    /// The texts of a conversation, oldest first, as (role, content).
    pub async fn history(&self, conversation: &str) -> Vec<(String, String)> {
        let found = self.get(&format!("/api/v1/conversations/{conversation}")).await;
        let messages = found["messages"].as_array().unwrap();
        let text = |message: &Value, member: &str| message[member].as_str().unwrap().to_owned();
        messages
            .iter()
            .map(|message| (text(message, "role"), text(message, "content")))
            .collect()
    }
}

/// A client that talks to loopback alone. Each has its own connections.
#[must_use]
pub fn client() -> Client {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tcp_nodelay(true).build().unwrap()
}

/// Requests of OAuth clients carry forms.
pub trait SendForm {
    /// The same request with the pairs as its form, in their order.
    #[must_use]
    fn form(self, pairs: &[(&str, &str)]) -> Self;
}

impl SendForm for reqwest::RequestBuilder {
    fn form(self, pairs: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }
}
