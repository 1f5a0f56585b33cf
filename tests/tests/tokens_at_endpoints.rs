//! Every kind of token, right and wrong in every way, at every endpoint the server describes.
#![cfg(test)]

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use system_tests::{Forge, Forgery, Operation, PASSWORD, Person, SendForm, Settings, client};

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
    /// A refresh token in a form (RFC 6749 section 6): a wrong one is an invalid grant.
    Grant,
    /// Any token, of which a client is told what it is worth (RFC 7662).
    Judged,
    /// Any token, which is ended: one that means nothing is ended already (RFC 7009).
    Ended,
    /// A form that somebody else signed: no token of ours.
    Signed,
    /// What stood in a mailed link: no token of ours.
    Mailed,
}

#[derive(Clone, Copy)]
enum Sends {
    Nothing,
    Chat,
    Actor,
    Client,
    Decision,
    Object,
    ServiceToken,
    Invitation,
    Passwords,
    Role,
    Title,
    User,
}

/// One row for each operation: a new route without one fails the test.
fn rows() -> BTreeMap<&'static str, Takes> {
    let read = Takes::Access(Sends::Nothing);
    BTreeMap::from([
        ("GET /", Takes::None),
        ("GET /.well-known/jwks", Takes::None),
        ("GET /.well-known/jwks.json", Takes::None),
        ("GET /.well-known/oauth-authorization-server", Takes::None),
        ("GET /.well-known/openid-configuration", Takes::None),
        ("POST /oauth/token", Takes::Grant),
        ("POST /oauth/introspect", Takes::Judged),
        ("POST /oauth/revoke", Takes::Ended),
        ("GET /oauth/userinfo", read),
        ("GET /oauth/register", read),
        ("POST /oauth/register", Takes::Access(Sends::Client)),
        ("GET /oauth/register/{client_id}", read),
        ("DELETE /oauth/register/{client_id}", read),
        (
            "POST /oauth/register/{client_id}/credentials",
            Takes::Access(Sends::Object),
        ),
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
        ("POST /api/v1/auth/delegations", Takes::Access(Sends::Actor)),
        ("POST /api/v1/auth/service-accounts/issue", Takes::Signed),
        (
            "POST /api/v1/auth/service-accounts/browser-issue",
            Takes::Access(Sends::ServiceToken),
        ),
        ("GET /api/v1/auth/service-accounts/tokens", read),
        (
            "POST /api/v1/auth/service-accounts/tokens/{jti}/revoke",
            Takes::Access(Sends::Object),
        ),
        (
            "POST /api/v1/auth/password/change",
            Takes::Access(Sends::Passwords),
        ),
        ("POST /api/v1/auth/password/forgot", Takes::None),
        ("POST /api/v1/auth/password/confirm", Takes::Mailed),
        ("POST /api/v1/auth/password/reset", Takes::Access(Sends::User)),
        ("POST /api/v1/auth/email/send", read),
        ("POST /api/v1/auth/email/verify", Takes::Mailed),
        ("GET /api/v1/members", read),
        ("PATCH /api/v1/members/{user_id}", Takes::Access(Sends::Role)),
        ("DELETE /api/v1/members/{user_id}", read),
        ("GET /api/v1/invitations", read),
        ("POST /api/v1/invitations", Takes::Access(Sends::Invitation)),
        ("POST /api/v1/invitations/accept", Takes::Mailed),
        ("DELETE /api/v1/invitations/{invitation_id}", read),
        ("POST /api/v1/chat", Takes::Access(Sends::Chat)),
        ("POST /api/v1/chat/stream", Takes::Access(Sends::Chat)),
        ("GET /api/v1/conversations", read),
        ("GET /api/v1/conversations/search", read),
        ("GET /api/v1/conversations/{conversation_id}", read),
        ("DELETE /api/v1/conversations/{conversation_id}", read),
        (
            "DELETE /api/v1/conversations/{conversation_id}/messages/{message_id}",
            read,
        ),
        (
            "PATCH /api/v1/conversations/{conversation_id}/title",
            Takes::Access(Sends::Title),
        ),
        ("GET /api/v1/conversations/{conversation_id}/ledger/stream", read),
        ("GET /api/v1/conversations/{conversation_id}/messages", read),
        ("GET /api/v1/conversations/{conversation_id}/stream", read),
        ("GET /api/v1/approvals", read),
        ("GET /api/v1/approvals/{approval_id}", read),
        (
            "POST /api/v1/approvals/{approval_id}",
            Takes::Access(Sends::Decision),
        ),
        ("POST /api/v1/runs/{run_id}/cancel", read),
        ("GET /api/v1/runs/{run_id}/stream", read),
        ("GET /api/v1/tools", read),
        ("GET /api/v1/usage", read),
        ("GET /api/v1/users/me/export", read),
        ("POST /api/v1/users/me/erase", read),
        ("GET /api/v1/guardrails", read),
    ])
}

/// A server with a person who has a conversation and a finished run.
struct Scene {
    url: String,
    client: Client,
    email: String,
    password: Mutex<String>,
    run: String,
    /// The first message of the conversation's second turn.
    message: String,
    /// What another run waits for.
    approval: String,
    /// Somebody else in the tenant.
    member: String,
    /// An invitation to take back.
    invitation: String,
    /// A session to end.
    session: String,
    /// A token of a service account to end.
    service_token: String,
    /// An app to change and remove.
    app: String,
    /// An app that asks, with its secret.
    asker: (String, String),
}

impl Scene {
    /// Makes everything that the endpoints name.
    async fn set(settings: &Settings, owner: &Person, email: String, password: String) -> Self {
        let kept = owner.chat("kept", "hello").await;
        owner.chat("kept", "hello again").await;
        let said = owner.get("/api/v1/conversations/kept").await;
        let search = json!({"message": "search for hello", "conversation_id": "waiting"});
        let waiting: Value = owner.post("/api/v1/chat", &search).await.json().await.unwrap();
        let other = Person::log_in(owner.url(), &email, &password).await;
        let other = other.get("/api/v1/auth/me").await;
        let service_token =
            json!({"account": "billing-worker", "scopes": ["billing:manage"], "reason": "the matrix"});
        let service_token = owner
            .post("/api/v1/auth/service-accounts/browser-issue", &service_token)
            .await;
        let service_token: Value = service_token.json().await.unwrap();
        let invitation = json!({"email": "invited@example.org", "role": "viewer"});
        let invitation: Value = owner
            .post("/api/v1/invitations", &invitation)
            .await
            .json()
            .await
            .unwrap();
        settings.mailed_token(0).await;
        Self {
            url: owner.url().to_owned(),
            client: client(),
            email,
            password: Mutex::new(password),
            member: owner
                .invite(settings, "member@example.org", "member")
                .await
                .user_id()
                .await,
            invitation: invitation["id"].as_str().unwrap().to_owned(),
            run: kept["metadata"]["run_id"].as_str().unwrap().to_owned(),
            message: said["messages"][2]["message_id"].as_str().unwrap().to_owned(),
            approval: waiting["approval_id"].as_str().unwrap().to_owned(),
            session: other["data"]["session_id"].as_str().unwrap().to_owned(),
            service_token: service_token["jti"].as_str().unwrap().to_owned(),
            app: register(owner).await.0,
            asker: register(owner).await,
        }
    }

    /// Somebody new in every respect: their tokens have been used nowhere.
    async fn fresh(&self) -> Person {
        Person::log_in(&self.url, &self.email, &self.password()).await
    }

    fn password(&self) -> String {
        self.password.lock().unwrap().clone()
    }

    fn request(&self, operation: &Operation) -> RequestBuilder {
        let mut path = operation.path.clone();
        for parameter in &operation.parameters {
            let value = match parameter.as_str() {
                "agent_name" => "triage",
                "conversation_id" => "kept",
                "message_id" => &self.message,
                "run_id" => &self.run,
                "approval_id" => &self.approval,
                "session_id" => &self.session,
                "user_id" => &self.member,
                "invitation_id" => &self.invitation,
                "jti" => &self.service_token,
                "client_id" => &self.app,
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
            Takes::None | Takes::Refresh | Takes::Grant | Takes::Ended | Takes::Mailed => request,
            Takes::Access(_) | Takes::Both | Takes::Signed => request.bearer_auth(access),
            Takes::Judged => request.basic_auth(&self.asker.0, Some(&self.asker.1)),
        };
        let request = match takes {
            Takes::None | Takes::Access(Sends::Nothing) => request,
            Takes::Access(Sends::Actor) => request.json(&json!({"actor": self.app})),
            Takes::Access(Sends::Client) => {
                request.json(&json!({"client_name": "another", "scope": "tools:read"}))
            }
            Takes::Access(Sends::Decision) => request.json(&json!({"approved": true})),
            Takes::Access(Sends::Object) => request.json(&json!({})),
            Takes::Access(Sends::ServiceToken) => request.json(&json!({
                "account": "billing-worker", "scopes": ["billing:read"], "reason": "the matrix"
            })),
            Takes::Access(Sends::Invitation) => {
                request.json(&json!({"email": "new@example.org", "role": "viewer"}))
            }
            Takes::Access(Sends::Passwords) => request.json(&json!({
                "current_password": self.password(), "new_password": PASSWORD
            })),
            Takes::Access(Sends::Role) => request.json(&json!({"role": "viewer"})),
            Takes::Access(Sends::Title) => request.json(&json!({"display_name": "Kept"})),
            Takes::Access(Sends::User) => request.json(&json!({"user_id": self.member})),
            Takes::Mailed => request.json(&json!({"token": access, "new_password": PASSWORD})),
            Takes::Signed => request.json(&json!({"account": "billing-worker", "scopes": ["billing:read"]})),
            Takes::Grant => request.form(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]),
            Takes::Judged => request.form(&[("token", access)]),
            Takes::Ended => request.form(&[("token", refresh), ("client_id", "password")]),
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
    let settings = Settings::sqlite().with_careful_agent();
    let first = settings.start().await;
    let (email, password) = first.first_login();
    first.stop().await;
    let forge = Forge::open(&settings);
    let server = settings.start().await;
    let owner = Person::log_in(&server.url, &email, &password).await;
    let scene = Scene::set(&settings, &owner, email, password).await;
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
    // Some end what others show, some the session that the forgeries are copies of, and one everything that was said.
    operations.sort_by_key(|operation| {
        let removes = operation.method == reqwest::Method::DELETE;
        let ends_all =
            operation.path.ends_with("/logout/all") || operation.path.ends_with("/password/change");
        (operation.path.ends_with("/erase"), ends_all, removes)
    });
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
            Takes::Grant => {
                refuses(&scene, &operation, takes, &not_refresh, |forged| {
                    (String::new(), forged)
                })
                .await
            }
            Takes::Judged => judges(&scene, &operation, [&not_access, &not_refresh]).await,
            Takes::Ended => ends_nothing(&scene, &operation, &owner, &not_refresh).await,
            Takes::Mailed => {
                let genuine = scene.fresh().await.access_token;
                for token in not_access.iter().map(|forged| &forged.token).chain([&genuine]) {
                    let answer = scene.show(&operation, takes, token, "").await;
                    let refused = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
                    assert!(refused.contains(&answer.status), "{name}: {}", answer.body);
                }
                not_access.len() + 1
            }
            Takes::Signed => {
                let genuine = scene.fresh().await.access_token;
                for token in not_access.iter().map(|forged| &forged.token).chain([&genuine]) {
                    let answer = scene.show(&operation, takes, token, "").await;
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.body);
                }
                not_access.len() + 1
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

    // Every forgery is behind us, and the right token has erased what they left as it was.
    let left = scene.fresh().await.get("/api/v1/conversations").await;
    assert!(!left.to_string().contains("kept"), "{left}");
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
            || matches!(takes, Takes::Grant) && answer.status == StatusCode::BAD_REQUEST
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
    if operation.path.ends_with("/erase") {
        assert_eq!(person.history("kept").await.len(), 2);
    }
    let answer = scene
        .show(operation, takes, &person.access_token, &person.refresh_token)
        .await;
    if matches!(takes, Takes::Access(Sends::Passwords)) {
        PASSWORD.clone_into(&mut scene.password.lock().unwrap());
    }
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
        if operation.path.ends_with("/password/forgot") {
            return request.json(&json!({"email": "nobody@example.org"}));
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

/// A registered app and its secret.
async fn register(owner: &Person) -> (String, String) {
    let wanted = json!({"client_name": "the matrix", "scope": "tools:read"});
    let app: Value = owner.post("/oauth/register", &wanted).await.json().await.unwrap();
    let text = |member: &str| app[member].as_str().unwrap().to_owned();
    (text("client_id"), text("client_secret"))
}

/// A client is told that every forgery is worth nothing, and that the right ones are worth something. Gives the number of cells.
async fn judges(scene: &Scene, operation: &Operation, wrong: [&[Forgery]; 2]) -> usize {
    let worth = async |token: &str| {
        let answer = scene.show(operation, Takes::Judged, token, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    let forged = wrong.into_iter().flatten();
    // Here both kinds count.
    let forged: Vec<_> = forged
        .filter(|forged| forged.fault != "of the other kind")
        .collect();
    for Forgery { fault, token } in &forged {
        assert_eq!(worth(token).await, json!({"active": false}), "a token {fault}");
    }
    let person = scene.fresh().await;
    for token in [&person.access_token, &person.refresh_token] {
        let told = worth(token).await;
        assert_eq!(told["active"], true, "{told}");
    }
    forged.len() + 2
}

/// No forgery ends the session that it names; the right token does. Gives the number of cells.
async fn ends_nothing(scene: &Scene, operation: &Operation, named: &Person, wrong: &[Forgery]) -> usize {
    let forged: Vec<_> = wrong
        .iter()
        .filter(|forged| forged.fault != "of the other kind")
        .collect();
    for Forgery { fault, token } in &forged {
        let answer = scene.show(operation, Takes::Ended, "", token).await;
        assert_eq!(answer.status, StatusCode::OK, "a token {fault}: {}", answer.body);
        named.get("/api/v1/auth/me").await;
    }
    let person = scene.fresh().await;
    scene
        .show(operation, Takes::Ended, "", &person.refresh_token)
        .await;
    let refresh = json!({"refresh_token": person.refresh_token});
    let again = person.post("/api/v1/auth/refresh", &refresh).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    forged.len() + 1
}
