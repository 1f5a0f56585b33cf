//! A Redis instance that keeps nothing on disk.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::Started;
use crate::Outcome;
use crate::process::{self, Daemon};

/// How often another port is tried when somebody took the one we chose.
const TRIES: usize = 3;

/// The server program: Redis, or Valkey, which speaks the same.
pub(super) fn program() -> Option<PathBuf> {
    process::find("redis-server").or_else(|| process::find("valkey-server"))
}

/// Serves on a free loopback port and on a socket in `folder`.
pub(super) fn start(folder: &Path) -> Outcome<Started> {
    let program = program().ok_or("Redis is not installed, although its package is")?;
    fs::create_dir_all(folder)?;
    for _ in 0..TRIES {
        if let Some(started) = serve(&program, folder)? {
            return Ok(started);
        }
    }
    Err(format!("Redis ended as soon as it was started, {TRIES} times").into())
}

/// `None` when it ended at once, most likely because somebody took the port.
fn serve(program: &Path, folder: &Path) -> Outcome<Option<Started>> {
    let port = process::free_port()?;
    let mut daemon = Daemon::start(
        "Redis",
        "TERM",
        process::bound_to_us(program, None)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            // What the server demands of a Redis: marks that must not vanish under memory pressure.
            .args(["--maxmemory-policy", "noeviction"])
            .arg("--unixsocket")
            .arg(folder.join("redis.sock"))
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null()),
    )?;
    let mut ended = false;
    process::wait_until("Redis answers", Duration::from_secs(30), || {
        ended = daemon.ended()?.is_some();
        Ok(ended || answers(port))
    })?;
    Ok((!ended).then(|| Started {
        daemon,
        url: format!("redis://127.0.0.1:{port}"),
    }))
}

fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG\r\n")
    };
    ask().unwrap_or(false)
}
