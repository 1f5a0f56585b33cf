//! What the clients of a measurement ask for.

use serde_json::{Value, json};

use super::Work;
use crate::Outcome;
use crate::bench::client::{Answer, Connection, Same, Side, expect_ok};
use crate::bench::server::{Server, get, post_form, post_json};

/// More tokens than the server remembers, so that one which comes round again is a new one to it.
const COLD_TOKENS: usize = 24_000;

/// What the clients need.
pub(super) struct Scene {
    connections: usize,
    app: String,
    tokens: Vec<String>,
    pairs: Vec<Value>,
    /// The key set as the server publishes it.
    pub(super) jwks: String,
}

impl Scene {
    pub(super) fn set(server: &Server, connections: usize) -> Outcome<Self> {
        let owner = server.log_in()?;
        let owner = text(&owner, "access_token")?;
        let wanted = json!({"client_name": "bench", "grant_types": ["client_credentials"], "scope": "conversations:read"});
        let app = server.call(&post_json("/oauth/register", Some(owner), &wanted))?;
        let app = format!(
            "client_id={}&client_secret={}",
            text(&app, "client_id")?,
            text(&app, "client_secret")?,
        );
        let mut pairs = Vec::new();
        for _ in 0..connections {
            pairs.push(server.log_in()?);
        }
        println!("{COLD_TOKENS} tokens are issued");
        let issue = post_form("/oauth/token", &format!("grant_type=client_credentials&{app}"));
        let mut connection = Connection::open(server.address)?;
        let mut tokens = Vec::with_capacity(COLD_TOKENS);
        for _ in 0..COLD_TOKENS {
            let answer = connection.ask(&issue)?;
            expect_ok(&answer)?;
            let answer: Value = serde_json::from_slice(answer.body)?;
            tokens.push(text(&answer, "access_token")?.to_owned());
        }
        let jwks = server.call(&get("/.well-known/jwks.json", None))?.to_string();
        Ok(Self {
            connections,
            app,
            tokens,
            pairs,
            jwks,
        })
    }

    pub(super) fn sides(&self, work: Work) -> Vec<Box<dyn Side>> {
        let share = self.tokens.len() / self.connections.max(1);
        let every = |of: &dyn Fn(usize) -> Box<dyn Side>| (0..self.connections).map(of).collect();
        let tokens = |number: usize| self.tokens.iter().skip(number * share).take(share);
        match work {
            Work::Cold => every(&|number| Box::new(Turns::of(tokens(number).map(|token| me(token))))),
            Work::Warm => every(&|number| Box::new(Turns::of(tokens(number).take(1).map(|token| me(token))))),
            Work::Introspect => every(&|number| {
                let ask = |token| post_form("/oauth/introspect", &format!("{}&token={token}", self.app));
                Box::new(Turns::of(tokens(number).map(ask)))
            }),
            Work::Refresh => {
                let each = |pair| -> Box<dyn Side> { Box::new(Refreshing::of(pair)) };
                self.pairs.iter().map(each).collect()
            }
            Work::JwksDocument => every(&|_| Box::new(Same(get("/.well-known/jwks.json", None)))),
            Work::Nginx => every(&|_| Box::new(Same(get("/jwks.json", None)))),
            Work::Issue => every(&|_| {
                let form = format!("grant_type=client_credentials&{}", self.app);
                Box::new(Same(post_form("/oauth/token", &form)))
            }),
            // Nobody speaks HTTP there.
            Work::Library | Work::Pgbench => Vec::new(),
        }
    }
}

/// A member of an answer.
pub(in crate::bench) fn text<'v>(answer: &'v Value, name: &str) -> Outcome<&'v str> {
    let found = answer.get(name).and_then(Value::as_str);
    found.ok_or_else(|| format!("an answer without {name}: {answer}").into())
}

fn me(token: &str) -> Vec<u8> {
    get("/api/v1/auth/me", Some(token))
}

/// Asks one thing after the other, from the beginning again at the end.
struct Turns {
    requests: Vec<Vec<u8>>,
    next: usize,
}

impl Turns {
    fn of(requests: impl Iterator<Item = Vec<u8>>) -> Self {
        Self {
            requests: requests.collect(),
            next: 0,
        }
    }
}

impl Side for Turns {
    fn request(&mut self) -> &[u8] {
        let at = self.next;
        self.next = (at + 1) % self.requests.len().max(1);
        self.requests.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn take(&mut self, answer: &Answer<'_>) -> Outcome {
        expect_ok(answer)
    }
}

/// Refreshes a session, each time with the token of the answer before.
pub(in crate::bench) struct Refreshing(Vec<u8>);

impl Refreshing {
    pub(in crate::bench) fn of(pair: &Value) -> Self {
        let body = json!({"refresh_token": pair.get("refresh_token")});
        Self(post_json("/api/v1/auth/refresh", None, &body))
    }
}

impl Side for Refreshing {
    fn request(&mut self) -> &[u8] {
        &self.0
    }

    fn take(&mut self, answer: &Answer<'_>) -> Outcome {
        expect_ok(answer)?;
        *self = Self::of(&serde_json::from_slice(answer.body)?);
        Ok(())
    }
}
