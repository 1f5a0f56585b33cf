//! nginx with one worker and one small file: what a web server can do that does nothing else.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Outcome;
use crate::process::{self, Daemon};
use crate::tools;

/// A running nginx that serves `body` at `/jwks.json`.
pub(super) struct Nginx {
    pub(super) address: SocketAddr,
    pub(super) daemon: Daemon,
}

impl Nginx {
    pub(super) fn start(folder: &Path, body: &[u8]) -> Outcome<Self> {
        let found = || {
            ["/usr/sbin/nginx", "/usr/local/sbin/nginx"]
                .map(Path::new)
                .into_iter()
                .find(|path| path.is_file())
        };
        if found().is_none() {
            tools::install_system_packages(&["nginx-light"])?;
        }
        let program = found().ok_or("nginx is not installed, although its package is")?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("jwks.json"), body)?;
        let port = process::free_port()?;
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};"))
            .concat();
        fs::write(
            folder.join("nginx.conf"),
            format!(
                "user root; worker_processes 1; daemon off; pid {at}/pid; error_log {at}/error.log; events {{}}
                 http {{ access_log off; keepalive_requests 1000000000; {temporary} types {{ application/json json; }}
                 open_file_cache max=10;
                 server {{ listen 127.0.0.1:{port}; root {at}; }} }}"
            ),
        )?;
        let mut command: Command = process::bound_to_us(program, None);
        command
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .stderr(Stdio::null());
        let daemon = Daemon::start("nginx", "TERM", &mut command)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        process::wait_until("nginx listens", Duration::from_secs(10), || {
            Ok(TcpStream::connect(address).is_ok())
        })?;
        Ok(Self { address, daemon })
    }
}
