//! An id of somebody else answers like one that nobody has, byte for byte, on every route that takes one.
#![cfg(test)]

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use system_tests::{OWNER_PASSWORD, Operation, Person, Settings, TestDatabase, eventually};

/// An answer without what differs between any two answers: times, its own id, and the id asked for.
#[derive(Debug, PartialEq)]
struct Answer {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    async fn of(request: RequestBuilder, id: &str) -> Self {
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let mut headers: Vec<_> = answer
            .headers()
            .iter()
            .filter(|(name, _)| !["date", "x-correlation-id", "x-process-time"].contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        let body = answer.text().await.unwrap().replace(id, "ID");
        Self {
            status,
            headers,
            body,
        }
    }
}

/// Two people whose ids somebody else tries: the owner's colleague, and the owner of another tenant.
async fn add_two_people(database: &TestDatabase) {
    database
        .connect()
        .await
        .batch_execute(
            "INSERT INTO tenants (id, slug, name, state, created_at)
               SELECT gen_random_uuid(), 'elsewhere', 'Elsewhere', 'active', now();
             INSERT INTO users (id, email, email_canonical, email_verified_at, password_hash, state, created_at, updated_at)
               SELECT gen_random_uuid(), address, address, now(), password_hash, 'active', now(), now()
               FROM users, unnest(ARRAY['colleague@example.org', 'stranger@example.org']) AS address;
             INSERT INTO memberships (tenant_id, user_id, role, created_at)
               SELECT tenants.id, users.id, 'owner', now() FROM tenants, users
               WHERE (tenants.slug = 'elsewhere') = (users.email = 'stranger@example.org')
                 AND users.email <> 'owner@example.org';",
        )
        .await
        .unwrap();
}

/// What belongs to a tenant and to none of its people: a colleague who runs it too may see and change it.
const OF_THE_TENANT: [&str; 4] = [
    "/oauth/register",
    "/api/v1/auth/service-accounts",
    "/api/v1/members",
    "/api/v1/invitations",
];

/// What the owner has that others may try.
struct Ids {
    /// A conversation that the owner named, and one that the server did.
    conversations: [String; 2],
    /// In the first of them.
    message: String,
    run: String,
    approval: String,
    session: String,
    /// Of the tenant: a colleague who runs it too may name them.
    service_token: String,
    app: String,
    user: String,
    invitation: String,
}

impl Ids {
    /// For each parameter: ids of the owner, each with one of the same shape that nobody has.
    fn pairs(&self, parameter: &str) -> Vec<(&str, String)> {
        let nobodys = |id: &str| {
            let (start, end) = id.split_at(id.len() - 4);
            format!("{start}{}", if end == "0000" { "1111" } else { "0000" })
        };
        match parameter {
            "conversation_id" => self
                .conversations
                .iter()
                .map(|id| (id.as_str(), nobodys(id)))
                .collect(),
            "message_id" => vec![(self.message.as_str(), nobodys(&self.message))],
            "run_id" => vec![(self.run.as_str(), nobodys(&self.run))],
            "approval_id" => vec![(self.approval.as_str(), nobodys(&self.approval))],
            "session_id" => vec![(self.session.as_str(), nobodys(&self.session))],
            "user_id" => vec![(self.user.as_str(), nobodys(&self.user))],
            "invitation_id" => vec![(self.invitation.as_str(), nobodys(&self.invitation))],
            "jti" => vec![(self.service_token.as_str(), nobodys(&self.service_token))],
            "client_id" => vec![(self.app.as_str(), nobodys(&self.app))],
            // Agents are the same for everybody.
            "agent_name" => Vec::new(),
            other => panic!("whose is {{{other}}}? Say it here"),
        }
    }
}

async fn owners_things(owner: &Person) -> Ids {
    let me = owner.get("/api/v1/auth/me").await;
    let named = owner.chat("theirs-1234", "the magic word is xylophone").await;
    let unnamed = owner
        .post("/api/v1/chat", &json!({"message": "another xylophone"}))
        .await;
    let unnamed: serde_json::Value = unnamed.json().await.unwrap();
    let made = async |path: &str, body: &serde_json::Value| -> serde_json::Value {
        owner.post(path, body).await.json().await.unwrap()
    };
    let waiting = made("/api/v1/chat", &json!({"message": "search for xylophone"})).await;
    let service_token = json!({"account": "billing-worker", "scopes": ["billing:read"], "reason": "a job"});
    let service_token = made("/api/v1/auth/service-accounts/browser-issue", &service_token).await;
    let app = made(
        "/oauth/register",
        &json!({"client_name": "reports", "scope": "tools:read"}),
    )
    .await;
    let invitation = json!({"email": "invited@example.org", "role": "viewer"});
    let invitation = made("/api/v1/invitations", &invitation).await;
    let said = owner.get("/api/v1/conversations/theirs-1234").await;
    Ids {
        message: said["messages"][0]["message_id"].as_str().unwrap().to_owned(),
        conversations: [
            "theirs-1234".to_owned(),
            unnamed["conversation_id"].as_str().unwrap().to_owned(),
        ],
        run: named["metadata"]["run_id"].as_str().unwrap().to_owned(),
        approval: waiting["approval_id"].as_str().unwrap().to_owned(),
        session: me["data"]["session_id"].as_str().unwrap().to_owned(),
        service_token: service_token["jti"].as_str().unwrap().to_owned(),
        app: app["client_id"].as_str().unwrap().to_owned(),
        user: me["data"]["user_id"].as_str().unwrap().to_owned(),
        invitation: invitation["id"].as_str().unwrap().to_owned(),
    }
}

/// What a person can read without naming an id.
async fn readable(person: &Person, operations: &[Operation]) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for operation in operations {
        if operation.method == Method::GET && operation.wants_bearer && operation.parameters.is_empty() {
            let query = match operation.path.as_str() {
                path if path.ends_with("/search") => "?q=xylophone",
                // What the tenant uses grows with what its other people do.
                "/api/v1/usage" => "?scope=me",
                _ => "",
            };
            let request = person.request(Method::GET, &format!("{}{query}", operation.path));
            answers.push((operation.name(), Answer::of(request, "no id").await));
        }
    }
    answers
}

/// With the other parameters as the owner would have them.
async fn probe(person: &Person, operation: &Operation, (parameter, id): (&str, &str), ids: &Ids) -> Answer {
    let mut path = operation.path.replace(&format!("{{{parameter}}}"), id);
    for other in operation.parameters.iter().filter(|other| *other != parameter) {
        path = path.replace(&format!("{{{other}}}"), ids.pairs(other)[0].0);
    }
    let request = person.request(operation.method.clone(), &path);
    let request = match (parameter, &operation.method) {
        ("approval_id", &Method::POST) => request.json(&json!({"approved": true})),
        ("conversation_id", &Method::PATCH) => request.json(&json!({"display_name": "Mine"})),
        _ => request,
    };
    Answer::of(request, id).await
}

#[tokio::test]
async fn a_colleagues_and_another_tenants_ids_answer_like_unknown_ones() {
    // What the owner has is compared with itself later, and a title comes when it comes.
    let settings = Settings::postgres().await.with_careful_agent();
    let settings = settings.with("CONVERSATION_TITLES", "off");
    let server = settings.start().await;
    let owner = server.log_in().await;
    add_two_people(settings.database()).await;
    let operations = Operation::all(&server.url).await;
    let mut probes = 0;
    let mut others = Vec::new();
    for email in ["colleague@example.org", "stranger@example.org"] {
        let person = Person::log_in(&server.url, email, OWNER_PASSWORD).await;
        let mut forbidden = operations.clone();
        if email.starts_with("colleague") {
            forbidden.retain(|operation| {
                let shared = |path: &&str| operation.path.starts_with(*path);
                !OF_THE_TENANT.iter().any(shared)
            });
        }
        let before = readable(&person, &forbidden).await;
        others.push((person, forbidden, before));
    }
    let ids = owners_things(&owner).await;
    eventually("what the owner used is counted", async || {
        let used = owner.get("/api/v1/usage?scope=me").await;
        used["items"][0]["requests"] == 3
    })
    .await;
    let owners = readable(&owner, &operations).await;

    for (person, operations, before) in &others {
        let after = readable(person, operations).await;
        assert_eq!(&after, before, "what the owner did shows elsewhere");
        assert_ne!(after, owners);
        probes += after.len();
        for operation in operations {
            for parameter in &operation.parameters {
                for (id, unknown) in ids.pairs(parameter) {
                    let unknown = probe(person, operation, (parameter, &unknown), &ids).await;
                    let theirs = probe(person, operation, (parameter, id), &ids).await;
                    assert_eq!(theirs, unknown, "{}", operation.name());
                    if operation.method == Method::GET {
                        let own = probe(&owner, operation, (parameter, id), &ids).await;
                        assert_ne!(own, unknown, "{}", operation.name());
                    }
                    probes += 1;
                }
            }
        }
        // A name is free for everybody: it begins a conversation of their own.
        for id in &ids.conversations {
            let answer = person.chat(id, "hello").await;
            let unknown = person.chat(&format!("{id}-0"), "hello").await;
            assert_eq!(answer["response"], unknown["response"]);
            assert_eq!(person.history(id).await[0].1, "hello");
            probes += 1;
        }
    }
    println!("{probes} probes with other people's ids");

    // And the owner's things are as they were.
    assert_eq!(readable(&owner, &operations).await, owners);
    assert_eq!(
        owner.history("theirs-1234").await[0].1,
        "the magic word is xylophone"
    );
}
