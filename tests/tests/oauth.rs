//! Clients and machines at the OAuth endpoints of the real binary.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Person, SendForm, Server, Settings, client};

struct App {
    url: String,
    id: String,
    secret: String,
}

impl App {
    async fn register(owner: &Person, url: &str, scope: &str) -> Self {
        let wanted = json!({"client_name": "Nightly reports", "scope": scope});
        let answer = owner.post("/oauth/register", &wanted).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let app: Value = answer.json().await.unwrap();
        Self {
            url: url.to_owned(),
            id: app["client_id"].as_str().unwrap().to_owned(),
            secret: app["client_secret"].as_str().unwrap().to_owned(),
        }
    }

    async fn send(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let request = client().post(format!("{}{path}", self.url)).form(form);
        answer(request.basic_auth(&self.id, Some(&self.secret))).await
    }

    async fn own_token(&self) -> String {
        let (status, answer) = self
            .send("/oauth/token", &[("grant_type", "client_credentials")])
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        text(&answer, "access_token")
    }

    async fn exchange(&self, word: &str) -> (StatusCode, Value) {
        let kind = "urn:ietf:params:oauth:token-type:access_token";
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", word),
            ("subject_token_type", kind),
            ("actor_token", &self.own_token().await),
            ("actor_token_type", kind),
        ];
        self.send("/oauth/token", &form).await
    }

    async fn is_active(&self, token: &str) -> bool {
        let (status, told) = self.send("/oauth/introspect", &[("token", token)]).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        told["active"].as_bool().unwrap()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    if status.is_client_error() {
        // RFC 6749 sections 5.1 and 5.2: no cache keeps it, and a 401 names a way to do better.
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(
            status == StatusCode::UNAUTHORIZED,
            answer.headers().contains_key("www-authenticate")
        );
    }
    (status, answer.json().await.unwrap_or_default())
}

fn text(answer: &Value, member: &str) -> String {
    answer[member]
        .as_str()
        .unwrap_or_else(|| panic!("no {member}: {answer}"))
        .to_owned()
}

async fn scene() -> (Server, Person) {
    let server = Settings::sqlite().start().await;
    let owner = server.log_in().await;
    (server, owner)
}

#[tokio::test]
async fn a_client_gets_tokens_of_its_own_and_gives_them_back() {
    let (server, owner) = scene().await;
    let app = App::register(&owner, &server.url, "tools:read conversations:read").await;
    let narrow = [("grant_type", "client_credentials"), ("scope", "tools:read")];
    let (status, token) = app.send("/oauth/token", &narrow).await;
    assert_eq!(
        (status, text(&token, "scope")),
        (StatusCode::OK, "tools:read".to_owned())
    );
    assert_eq!(
        (&token["token_type"], token.get("refresh_token")),
        (&json!("Bearer"), None)
    );
    let token = text(&token, "access_token");
    let robot = owner.with_access_token(&token);
    robot.get("/api/v1/tools").await;
    let (_, told) = app.send("/oauth/introspect", &[("token", &token)]).await;
    assert_eq!(
        (&told["active"], text(&told, "sub")),
        (&json!(true), app.id.clone())
    );
    assert_eq!(text(&told, "scope"), "tools:read");
    // What only a person may do, a machine may not.
    let chat = robot.post("/api/v1/chat", &json!({"message": "hello"})).await;
    assert_eq!(chat.status(), StatusCode::FORBIDDEN);

    let other = App::register(&owner, &server.url, "tools:read").await;
    let (status, refused) = other.send("/oauth/revoke", &[("token", &token)]).await;
    assert_eq!(
        (status, text(&refused, "error")),
        (StatusCode::BAD_REQUEST, "unauthorized_client".to_owned())
    );
    assert_eq!(
        app.send("/oauth/revoke", &[("token", &token)]).await.0,
        StatusCode::OK
    );
    assert!(!app.is_active(&token).await);
    assert_eq!(
        app.send("/oauth/revoke", &[("token", "nonsense")]).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn each_wrong_request_has_the_error_that_the_standard_names() {
    let (server, owner) = scene().await;
    let app = App::register(&owner, &server.url, "tools:read").await;
    let grant = ("grant_type", "client_credentials");
    for (form, error) in [
        (vec![("scope", "tools:read")], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![grant, ("scope", "billing:read")], "invalid_scope"),
        (vec![grant, ("scope", "NOT A SCOPE")], "invalid_scope"),
        (
            vec![grant, ("audience", "https://elsewhere.example")],
            "invalid_target",
        ),
        (vec![grant, grant], "invalid_request"),
        (vec![grant, ("client_secret", "sk_x")], "invalid_request"),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "x")],
            "invalid_grant",
        ),
    ] {
        let (status, refused) = app.send("/oauth/token", &form).await;
        assert_eq!(
            (status, text(&refused, "error")),
            (StatusCode::BAD_REQUEST, error.to_owned()),
            "{form:?}"
        );
    }
    let wrong = App {
        secret: "sk_00000000000000000000000000000000".to_owned(),
        id: app.id.clone(),
        url: app.url.clone(),
    };
    let unknown = App {
        id: "app_0000000000000000".to_owned(),
        ..wrong
    };
    let wrong = App {
        id: app.id.clone(),
        secret: unknown.secret.clone(),
        url: app.url.clone(),
    };
    for nobody in [wrong, unknown] {
        let (status, refused) = nobody.send("/oauth/token", &[grant]).await;
        assert_eq!(
            (status, text(&refused, "error")),
            (StatusCode::UNAUTHORIZED, "invalid_client".to_owned())
        );
    }
    let as_json = client()
        .post(format!("{}/oauth/token", server.url))
        .json(&json!({"grant_type": "client_credentials"}));
    assert_eq!(answer(as_json).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let in_query = client()
        .post(format!("{}/oauth/token?client_secret=x", server.url))
        .form(&[grant]);
    assert_eq!(answer(in_query).await.0, StatusCode::BAD_REQUEST);
    let large = "x".repeat(70_000);
    assert_eq!(
        app.send("/oauth/token", &[grant, ("scope", &large)]).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn another_secret_or_the_end_of_an_app_ends_its_tokens_within_a_second() {
    let (server, owner) = scene().await;
    let app = App::register(&owner, &server.url, "tools:read").await;
    let robot = owner.with_access_token(&app.own_token().await);
    robot.get("/api/v1/tools").await;
    let path = format!("/oauth/register/{}", app.id);
    let replaced = owner.post(&format!("{path}/credentials"), &json!({})).await;
    let replaced: Value = replaced.json().await.unwrap();
    assert_eq!(
        app.send("/oauth/token", &[("grant_type", "client_credentials")])
            .await
            .0,
        StatusCode::UNAUTHORIZED
    );
    robot.until_refused().await;
    let app = App {
        secret: text(&replaced, "client_secret"),
        ..app
    };
    let robot = owner.with_access_token(&app.own_token().await);
    robot.get("/api/v1/tools").await;
    let removed = owner.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    robot.until_refused().await;
    assert_eq!(owner.get("/oauth/register").await["clients"], json!([]));
}

#[tokio::test]
async fn an_app_acts_for_a_person_who_said_so_until_either_ends_it() {
    let (server, owner) = scene().await;
    let app = App::register(&owner, &server.url, "conversations:read conversations:write").await;
    let wanted = json!({"actor": app.id, "scope": "conversations:write conversations:delete"});
    let word = owner.post("/api/v1/auth/delegations", &wanted).await;
    assert_eq!(word.status(), StatusCode::CREATED);
    let word = text(&word.json().await.unwrap(), "subject_token");
    // The word itself opens no door.
    let with_word = owner
        .with_access_token(&word)
        .request(Method::GET, "/api/v1/tools");
    assert_eq!(with_word.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);

    let (status, acting) = app.exchange(&word).await;
    assert_eq!(status, StatusCode::OK, "{acting}");
    assert_eq!(text(&acting, "scope"), "conversations:write");
    assert_eq!(
        text(&acting, "issued_token_type"),
        "urn:ietf:params:oauth:token-type:access_token"
    );
    let acting = owner.with_access_token(&text(&acting, "access_token"));
    acting.chat("for-the-owner", "hello").await;
    assert_eq!(owner.history("for-the-owner").await.len(), 2);
    let (_, told) = app
        .send("/oauth/introspect", &[("token", &acting.access_token)])
        .await;
    assert_eq!(told["act"]["sub"], json!(app.id), "{told}");

    // On credentials and apps nobody acts for somebody else.
    for (path, body) in [
        (
            "/oauth/register",
            json!({"client_name": "x", "scope": "tools:read"}),
        ),
        (
            "/api/v1/auth/service-accounts/browser-issue",
            json!({"account": "billing-worker", "scopes": ["billing:read"], "reason": "x"}),
        ),
    ] {
        assert_eq!(
            acting.post(path, &body).await.status(),
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    let stranger = App::register(&owner, &server.url, "conversations:write").await;
    let (status, refused) = stranger.exchange(&word).await;
    assert_eq!(
        (status, text(&refused, "error")),
        (StatusCode::BAD_REQUEST, "invalid_request".to_owned())
    );

    // The actor's end is the end of what it does.
    let removed = owner.request(Method::DELETE, &format!("/oauth/register/{}", app.id));
    assert_eq!(removed.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    acting.until_refused().await;
}

#[tokio::test]
async fn a_session_goes_on_at_the_token_endpoint() {
    let (server, owner) = scene().await;
    let send = async |form: &[(&str, &str)]| {
        let request = client().post(format!("{}/oauth/token", server.url)).form(form);
        answer(request).await
    };
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", owner.refresh_token.as_str()),
        ("scope", "tools:read"),
        ("client_id", "password"),
    ];
    let (status, pair) = send(&form).await;
    assert_eq!(
        (status, text(&pair, "scope")),
        (StatusCode::OK, "tools:read".to_owned()),
        "{pair}"
    );
    assert_ne!(text(&pair, "refresh_token"), owner.refresh_token);
    let next = text(&pair, "refresh_token");
    for wrong in [("client_id", "app_0000000000000000"), ("scope", "support:*")] {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", next.as_str()),
            wrong,
        ];
        assert_eq!(send(&form).await.0, StatusCode::BAD_REQUEST, "{wrong:?}");
    }
    // What was refused has rotated nothing.
    let again = [("grant_type", "refresh_token"), ("refresh_token", next.as_str())];
    assert_eq!(send(&again).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_service_account_lives_from_issue_to_revocation() {
    let (server, owner) = scene().await;
    let wanted = json!({"account": "synthetic-monitor", "scopes": ["tools:read", "billing:read"], "reason": "watching"});
    let issue = async || {
        let answer = owner
            .post("/api/v1/auth/service-accounts/browser-issue", &wanted)
            .await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().await.unwrap()
    };
    let first = issue().await;
    let second = issue().await;
    assert_eq!(
        second["refresh_token"], first["refresh_token"],
        "the same token, not another one"
    );
    let token = text(&first, "refresh_token");

    for path in ["/api/v1/auth/refresh", "/oauth/token"] {
        let request = client().post(format!("{}{path}", server.url));
        let request = if path.ends_with("refresh") {
            request.json(&json!({"refresh_token": token}))
        } else {
            request.form(&[("grant_type", "refresh_token"), ("refresh_token", &token)])
        };
        let (status, pair) = answer(request).await;
        assert_eq!(status, StatusCode::OK, "{pair}");
        assert_eq!(text(&pair, "refresh_token"), token, "it stays");
        owner
            .with_access_token(&text(&pair, "access_token"))
            .get("/api/v1/tools")
            .await;
    }
    let (_, pair) = answer(
        client()
            .post(format!("{}/api/v1/auth/refresh", server.url))
            .json(&json!({"refresh_token": token})),
    )
    .await;
    let robot = owner.with_access_token(&text(&pair, "access_token"));
    robot.get("/api/v1/tools").await;
    // A refresh token is no access token.
    let shown = owner
        .with_access_token(&token)
        .request(Method::GET, "/api/v1/tools");
    assert_eq!(shown.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);

    let listed = owner
        .get("/api/v1/auth/service-accounts/tokens?account=synthetic-monitor")
        .await;
    assert_eq!(
        (&listed["total"], &listed["items"][0]["jti"]),
        (&json!(1), &first["jti"])
    );
    let path = format!(
        "/api/v1/auth/service-accounts/tokens/{}/revoke",
        text(&first, "jti")
    );
    let ended: Value = owner
        .post(&path, &json!({"reason": "done"}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(ended["data"]["revoked"], true);
    robot.until_refused().await;
    let (status, _) = answer(
        client()
            .post(format!("{}/api/v1/auth/refresh", server.url))
            .json(&json!({"refresh_token": token})),
    )
    .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_ne!(issue().await["refresh_token"], first["refresh_token"]);
}

#[tokio::test]
async fn without_a_vault_nothing_is_issued_on_a_signed_request() {
    let (server, _) = scene().await;
    let request = client()
        .post(format!("{}/api/v1/auth/service-accounts/issue", server.url))
        .json(&json!({"account": "billing-worker", "scopes": ["billing:read"]}))
        .header("x-vault-payload", "e30");
    for credential in ["Bearer dev-local", "Bearer vault:anything", "Bearer dev-demo"] {
        let answer = request
            .try_clone()
            .unwrap()
            .header("authorization", credential)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{credential}");
    }
}
