//! Stands between the server and what it depends on, and falls silent or dies when told.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

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
    left: Arc<AtomicI64>,
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
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let budget = left.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if budget.load(Ordering::Relaxed) <= 0 {
                    continue;
                }
                let (target, gate, budget) = (target.clone(), gate.clone(), budget.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect((target.0.as_str(), target.1)).await.unwrap();
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    // Each half that ends takes the other with it.
                    tokio::select! {
                        () = carry(from_client, to_server, gate.clone(), &budget) => {}
                        () = carry(from_server, to_client, gate, &budget) => {}
                    }
                });
            }
        });
        Self {
            url: url.into(),
            open,
            left,
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

    /// So many bytes pass yet, in either direction. Then every connection dies as it speaks, and new ones do at once: as with
    /// a service that was killed.
    pub fn cut_after(&self, bytes: i64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// New connections live again; answers how many bytes would still have passed.
    pub fn mend(&self) -> i64 {
        self.left.swap(i64::MAX, Ordering::Relaxed)
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gate: watch::Receiver<bool>,
    left: &AtomicI64,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if gate.wait_for(|open| *open).await.is_err() {
            return;
        }
        let wanted = i64::try_from(read).unwrap();
        let passing = left.fetch_sub(wanted, Ordering::Relaxed).clamp(0, wanted);
        let passed = to.write_all(&buffer[..usize::try_from(passing).unwrap()]).await;
        if passed.is_err() || passing < wanted {
            return;
        }
    }
}
