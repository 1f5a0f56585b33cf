//! An OpenBao that keeps everything in memory. It speaks the API of HashiCorp Vault.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::Outcome;
use crate::process::{self, Daemon};

/// How often another port is tried when somebody took the one we chose.
const TRIES: usize = 3;

/// Of whoever may do everything.
pub(crate) const ROOT_TOKEN: &str = "for-tests-alone";

/// A running server, unsealed, with KV version 2 at `secret/`. It stops when this is dropped.
pub(crate) struct OpenBao {
    pub(crate) address: String,
    _daemon: Daemon,
}

impl OpenBao {
    /// Serves on a free loopback port. `program` is OpenBao's `bao`.
    pub(crate) fn start(program: &Path) -> Outcome<Self> {
        for _ in 0..TRIES {
            if let Some(started) = serve(program)? {
                return Ok(started);
            }
        }
        Err(format!("OpenBao ended as soon as it was started, {TRIES} times").into())
    }
}

/// `None` when it ended at once, most likely because somebody took the port, or the next one, which it takes for its cluster.
fn serve(program: &Path) -> Outcome<Option<OpenBao>> {
    let port = process::free_port()?;
    let mut daemon = Daemon::start(
        "OpenBao",
        "TERM",
        process::bound_to_us(program, None)
            .args(["server", "-dev", "-log-level=error"])
            // Else it writes the token to the home folder, over that of whoever uses a Vault.
            .arg("-dev-no-store-token")
            .arg(format!("-dev-root-token-id={ROOT_TOKEN}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null()),
    )?;
    let mut ended = false;
    process::wait_until("OpenBao answers", Duration::from_secs(30), || {
        ended = daemon.ended()?.is_some();
        Ok(ended || is_ready(port))
    })?;
    Ok((!ended).then(|| OpenBao {
        address: format!("http://127.0.0.1:{port}"),
        _daemon: daemon,
    }))
}

/// Open, and with the engine that comes last at the start of a development server.
fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let request = format!("GET /v1/secret/config HTTP/1.0\r\nX-Vault-Token: {ROOT_TOKEN}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.split(' ').nth(1) == Some("200"))
    };
    ask().unwrap_or(false)
}
