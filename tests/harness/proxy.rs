//! Stands between the server and what it depends on, and falls silent when told.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
};
use url::Url;

/// A TCP proxy. While paused it accepts connections, and lets no byte through: as a host that was stopped does.
pub struct Proxy {
    url: String,
    open: watch::Sender<bool>,
}

impl Proxy {
    /// A proxy before the service at `url`; [`Proxy::url`] is the same with the proxy's port.
    pub async fn before(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let target = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let open = watch::Sender::new(true);
        let gate = open.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, gate) = (target.clone(), gate.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect((target.0.as_str(), target.1)).await.unwrap();
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::join!(
                        carry(from_client, to_server, gate.clone()),
                        carry(from_server, to_client, gate)
                    )
                });
            }
        });
        Self {
            url: url.into(),
            open,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// No byte passes from now on.
    pub fn pause(&self) {
        self.open.send_replace(false);
    }

    /// What was held back passes, and everything after it.
    pub fn resume(&self) {
        self.open.send_replace(true);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if gate.wait_for(|open| *open).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
