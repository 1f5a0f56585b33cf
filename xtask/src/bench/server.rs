//! The server under measurement, over Postgres.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Connection, expect_ok};
use crate::Outcome;
use crate::process::{self, Daemon};

const EMAIL: &str = "owner@example.org";
const PASSWORD: &str = "correct-Horse-battery-9";

/// A running server.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) daemon: Daemon,
}

impl Server {
    pub(super) fn start(
        binary: &Path,
        database: &str,
        folder: &Path,
        more: &[(&str, &str)],
    ) -> Outcome<Self> {
        let port = process::free_port()?;
        let mut command = process::bound_to_us(binary, None);
        fs::create_dir_all(folder)?;
        command
            .env_clear()
            .envs([
                ("HOST", "127.0.0.1"),
                ("PORT", &port.to_string()),
                ("DATABASE_URL", database),
                ("AUTO_RUN_MIGRATIONS", "true"),
                ("AUTH_KEY_STORAGE_BACKEND", "sql"),
                (
                    "AUTH_KEY_ENCRYPTION_KEYS",
                    "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                ),
                (
                    "AUTH_REFRESH_TOKEN_PEPPER",
                    "one-of-this-measurement-and-of-nobody-else",
                ),
                (
                    "AUTH_PASSWORD_PEPPER",
                    "another-of-this-measurement-and-of-nobody",
                ),
                ("BOOTSTRAP_OWNER_EMAIL", EMAIL),
                ("BOOTSTRAP_OWNER_PASSWORD", PASSWORD),
                ("LOG_LEVEL", "warn"),
            ])
            .envs(more.iter().copied())
            .env("DATA_DIR", folder.join("data"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let daemon = Daemon::start("chancery", "TERM", &mut command)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        process::wait_until("the server listens", Duration::from_secs(30), || {
            Ok(TcpStream::connect(address).is_ok())
        })?;
        Ok(Self { address, daemon })
    }

    /// A call that is not measured.
    pub(super) fn call(&self, request: &[u8]) -> Outcome<Value> {
        let mut connection = Connection::open(self.address)?;
        let answer = connection.ask(request)?;
        if answer.status != 201 {
            expect_ok(&answer)?;
        }
        Ok(serde_json::from_slice(answer.body)?)
    }

    /// A pair of tokens of the first owner.
    pub(super) fn log_in(&self) -> Outcome<Value> {
        self.call(&post_json(
            "/api/v1/auth/token",
            None,
            &json!({"email": EMAIL, "password": PASSWORD}),
        ))
    }
}

/// A request for a page.
pub(super) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = authorization(token);
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{authorization}\r\n").into_bytes()
}

/// A request with a JSON body.
pub(super) fn post_json(path: &str, token: Option<&str>, body: &Value) -> Vec<u8> {
    post(path, "application/json", &authorization(token), &body.to_string())
}

/// A request with a form.
pub(super) fn post_form(path: &str, body: &str) -> Vec<u8> {
    post(path, "application/x-www-form-urlencoded", "", body)
}

fn authorization(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"))
}

/// A request with a body. `headers` are more of them, a whole line each.
pub(super) fn post(path: &str, kind: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}
