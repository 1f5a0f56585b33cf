//! Every kind of token, right and wrong in every way, at every endpoint the server describes.
#![cfg(test)]

use std::collections::BTreeMap;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use system_tests::{Forge, Forgery, Operation, Person, Settings, client};

/// Where an endpoint takes a token.
#[derive(Clone, Copy)]
enum Takes {
    /// Nowhere: whatever stands in the header changes nothing.
    None,
    /// An access token in the header, and this body.
    Access(Sends),
    /// A refresh token in the body.
    Refresh,
    /// An access token in the header and a refresh token in the body.
    Both,
}

#[derive(Clone, Copy)]
enum Sends {
    Nothing,
    Chat,
}

/// One row for each operation: a new route without one fails the test.
fn rows() -> BTreeMap<&'static str, Takes> {
    let read = Takes::Access(Sends::Nothing);
    BTreeMap::from([
        ("GET /", Takes::None),
        ("GET /.well-known/jwks", Takes::None),
        ("GET /.well-known/jwks.json", Takes::None),
        ("GET /.well-known/oauth-authorization-server", Takes::None),
        ("GET /health", Takes::None),
        ("GET /health/ready", Takes::None),
        ("GET /metrics", Takes::None),
        ("GET /openapi.json", Takes::None),
        ("GET /api/v1/agents", read),
        ("GET /api/v1/agents/{agent_name}/status", read),
        ("GET /api/v1/auth/me", read),
        ("POST /api/v1/auth/token", Takes::None),
        ("POST /api/v1/auth/refresh", Takes::Refresh),
        ("POST /api/v1/auth/logout", Takes::Both),
        ("POST /api/v1/auth/logout/all", read),
        ("GET /api/v1/auth/sessions", read),
        ("DELETE /api/v1/auth/sessions/{session_id}", read),
        ("POST /api/v1/chat", Takes::Access(Sends::Chat)),
        ("POST /api/v1/chat/stream", Takes::Access(Sends::Chat)),
        ("GET /api/v1/conversations", read),
        ("GET /api/v1/conversations/search", read),
        ("GET /api/v1/conversations/{conversation_id}", read),
        ("DELETE /api/v1/conversations/{conversation_id}", read),
        ("GET /api/v1/conversations/{conversation_id}/ledger/stream", read),
        ("GET /api/v1/conversations/{conversation_id}/messages", read),
        ("POST /api/v1/runs/{run_id}/cancel", read),
        ("GET /api/v1/runs/{run_id}/stream", read),
        ("GET /api/v1/tools", read),
    ])
}

/// A server with a person who has a conversation and a finished run.
struct Scene {
    url: String,
    client: Client,
    email: String,
    password: String,
    run: String,
    /// A session to end.
    session: String,
}

impl Scene {
    /// Somebody new in every respect: their tokens have been used nowhere.
    async fn fresh(&self) -> Person {
        Person::log_in(&self.url, &self.email, &self.password).await
    }

    fn request(&self, operation: &Operation) -> RequestBuilder {
        let mut path = operation.path.clone();
        for parameter in &operation.parameters {
            let value = match parameter.as_str() {
                "agent_name" => "triage",
                "conversation_id" => "kept",
                "run_id" => &self.run,
                "session_id" => &self.session,
                other => panic!("no value for {{{other}}}"),
            };
            path = path.replace(&format!("{{{parameter}}}"), value);
        }
        if operation.path.ends_with("/search") {
            path.push_str("?q=hello");
        }
        self.client
            .request(operation.method.clone(), format!("{}{path}", self.url))
    }

    /// Shows an access token and, where the endpoint takes one, a refresh token.
    async fn show(&self, operation: &Operation, takes: Takes, access: &str, refresh: &str) -> Answer {
        let request = self.request(operation);
        let request = match takes {
            Takes::None | Takes::Refresh => request,
            Takes::Access(_) | Takes::Both => request.bearer_auth(access),
        };
        let request = match takes {
            Takes::None | Takes::Access(Sends::Nothing) => request,
            Takes::Access(Sends::Chat) => request.json(&json!({"message": "hello"})),
            Takes::Refresh | Takes::Both => request.json(&json!({"refresh_token": refresh})),
        };
        Answer::of(request).await
    }
}

struct Answer {
    status: StatusCode,
    body: String,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        Self {
            status: answer.status(),
            body: answer.text().await.unwrap(),
        }
    }

    /// Logging out answers 200 whatever the refresh token, so that it tells nothing; its body says whether it did.
    fn did_something(&self, operation: &Operation) -> bool {
        let succeeded = self.status.as_u16() == operation.success;
        let said = serde_json::from_str::<Value>(&self.body).ok();
        succeeded && said.is_none_or(|body| body["data"]["revoked"] != false)
    }
}

#[tokio::test]
async fn only_the_right_token_passes_at_every_endpoint() {
    let settings = Settings::sqlite();
    let first = settings.start().await;
    let (email, password) = first.first_login();
    first.stop().await;
    let forge = Forge::open(&settings);
    let server = settings.start().await;
    let owner = Person::log_in(&server.url, &email, &password).await;
    let kept = owner.chat("kept", "hello").await;
    let other = Person::log_in(&server.url, &email, &password).await;
    let other = other.get("/api/v1/auth/me").await;
    let scene = Scene {
        url: server.url.clone(),
        client: client(),
        email,
        password,
        run: kept["metadata"]["run_id"].as_str().unwrap().to_owned(),
        session: other["data"]["session_id"].as_str().unwrap().to_owned(),
    };
    // What a forgery is a copy of passes; so each is refused for its one fault.
    owner
        .with_access_token(&forge.altered(&owner.access_token, json!({})))
        .get("/api/v1/auth/me")
        .await;
    let not_access = wrong(&forge, &owner.access_token, &owner.refresh_token);
    let not_refresh = wrong(&forge, &owner.refresh_token, &owner.access_token);

    let mut rows = rows();
    let mut cells = 0;
    let mut operations = Operation::all(&server.url).await;
    // It ends the session that the forgeries are copies of.
    operations.sort_by_key(|operation| operation.path.ends_with("/logout/all"));
    for operation in operations {
        let name = operation.name();
        let takes = rows
            .remove(name.as_str())
            .unwrap_or_else(|| panic!("{name} has no row"));
        assert_eq!(
            operation.wants_bearer,
            matches!(takes, Takes::Access(_) | Takes::Both),
            "{name}"
        );
        cells += match takes {
            Takes::None => ignores(&scene, &operation, &not_access).await,
            Takes::Access(_) => {
                refuses(&scene, &operation, takes, &not_access, |forged| {
                    (forged, String::new())
                })
                .await
            }
            Takes::Refresh => {
                refuses(&scene, &operation, takes, &not_refresh, |forged| {
                    (String::new(), forged)
                })
                .await
            }
            Takes::Both => {
                let (access, refresh) = (&owner.access_token, &owner.refresh_token);
                refuses(&scene, &operation, takes, &not_access, |forged| {
                    (forged, refresh.clone())
                })
                .await
                    + refuses(&scene, &operation, takes, &not_refresh, |forged| {
                        (access.clone(), forged)
                    })
                    .await
            }
        };
    }
    assert!(rows.is_empty(), "rows of no operation: {:?}", rows.keys());
    println!("{cells} cells of tokens and endpoints");

    // Every forgery is behind us: the session and what it made are as they were.
    assert_eq!(scene.fresh().await.history("kept").await.len(), 2);
}

/// Every forgery of the kind, and the genuine token of the other one.
fn wrong(forge: &Forge, genuine: &str, other_kind: &str) -> Vec<Forgery> {
    let mut wrong = forge.forgeries_of(genuine);
    wrong.push(Forgery {
        fault: "of the other kind",
        token: other_kind.to_owned(),
    });
    wrong
}

/// All of the wrong ones are refused, then the right one passes. Gives the number of cells.
async fn refuses(
    scene: &Scene,
    operation: &Operation,
    takes: Takes,
    wrong: &[Forgery],
    place: impl Fn(String) -> (String, String),
) -> usize {
    for Forgery { fault, token } in wrong {
        let (access, refresh) = place(token.clone());
        let answer = scene.show(operation, takes, &access, &refresh).await;
        let refused = answer.status == StatusCode::UNAUTHORIZED
            || matches!(takes, Takes::Both) && answer.status == StatusCode::OK;
        assert!(
            refused && !answer.did_something(operation),
            "{} took a token {fault}: {} {}",
            operation.name(),
            answer.status,
            answer.body
        );
    }
    // Deleting comes with a conversation of its own, for the others need theirs.
    let person = scene.fresh().await;
    if operation.parameters == ["conversation_id"] && operation.method == reqwest::Method::DELETE {
        person.chat("spare", "hello").await;
        let spare = Operation {
            path: operation.path.replace("{conversation_id}", "spare"),
            ..operation.clone()
        };
        let answer = scene.show(&spare, takes, &person.access_token, "").await;
        assert!(answer.did_something(operation), "{}", answer.body);
        return wrong.len() + 1;
    }
    let answer = scene
        .show(operation, takes, &person.access_token, &person.refresh_token)
        .await;
    assert!(
        answer.did_something(operation),
        "{} refused the right token: {} {}",
        operation.name(),
        answer.status,
        answer.body
    );
    wrong.len() + 1
}

/// A public endpoint answers the same whatever is shown to it. Gives the number of cells.
async fn ignores(scene: &Scene, operation: &Operation, wrong: &[Forgery]) -> usize {
    let plain = || {
        let request = scene.request(operation);
        if operation.path == "/api/v1/auth/token" {
            return request.json(&json!({"email": "nobody@example.org", "password": "no-such-password"}));
        }
        request
    };
    let expected = Answer::of(plain()).await.status;
    let is_login = operation.path == "/api/v1/auth/token";
    assert_eq!(expected.as_u16(), if is_login { 401 } else { operation.success });
    // A login costs a password hash: one forgery shows that the header is not read.
    let shown = if is_login { &wrong[..1] } else { wrong };
    for Forgery { fault, token } in shown {
        let answer = Answer::of(plain().bearer_auth(token)).await;
        assert_eq!(
            answer.status,
            expected,
            "{} with a token {fault}",
            operation.name()
        );
    }
    shown.len()
}
