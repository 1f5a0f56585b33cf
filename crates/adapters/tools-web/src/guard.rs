//! Clients that reach public addresses alone, whatever a name resolves to (OWASP: server-side request forgery).

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, LazyLock},
    time::Duration,
};

use ipnet::IpNet;
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use url::Host;

/// Why no client was made.
#[derive(Debug, thiserror::Error)]
pub enum ClientRefused {
    /// The address is written as a number, and is not a public one.
    #[error("{0} is not a public address; set private_network = true to allow it")]
    NotPublic(IpAddr),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// A client for `host` that follows no redirect. Unless `private_network`, it connects to public addresses alone and through
/// no proxy: names are looked up and judged at each connection, so that a name whose address changes is no way in.
///
/// # Errors
/// [`ClientRefused`].
pub fn guarded_client(
    host: Option<&Host<String>>,
    private_network: bool,
    timeout: Option<Duration>,
) -> Result<Client, ClientRefused> {
    let mut client = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(10));
    if let Some(timeout) = timeout {
        client = client.timeout(timeout);
    }
    if !private_network {
        let literal = match host {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(*address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(*address)),
            Some(Host::Domain(_)) | None => None,
        };
        if let Some(address) = literal.filter(|address| !is_public(*address)) {
            return Err(ClientRefused::NotPublic(address));
        }
        client = client.no_proxy().dns_resolver(Arc::new(PublicNames));
    }
    Ok(client.build()?)
}

struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                let refused = format!("{} has no public address", name.as_str());
                return Err(Box::<dyn Error + Send + Sync>::from(refused));
            }
            let public: Addrs = Box::new(public.into_iter());
            Ok(public)
        })
    }
}

/// What the registries of IANA call special (RFC 6890), with what carries an IPv4 address inside.
static SPECIAL: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let networks = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        // Of IPv6 only what is handed out for the internet, 2000::/3, is left: see below.
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ];
    networks
        .iter()
        .filter_map(|network| network.parse().ok())
        .collect()
});

pub(crate) fn is_public(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(inside) => IpAddr::V4(inside),
            // NAT64 (RFC 6052) reaches the IPv4 address in the last four bytes.
            None if v6.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) => {
                let [.., a, b, c, d] = v6.octets();
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            None if v6.octets().first().is_none_or(|first| first >> 5 != 1) => return false,
            None => address,
        },
    };
    !SPECIAL.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use url::Host;

    use super::{ClientRefused, SPECIAL, guarded_client, is_public};

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        assert_eq!(SPECIAL.len(), 19, "each network can be read");
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.0.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
            "100::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[tokio::test]
    async fn a_name_or_number_of_this_machine_is_not_reached() {
        // An error means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let number = Host::parse("127.0.0.1").unwrap();
        assert!(matches!(
            guarded_client(Some(&number), false, None),
            Err(ClientRefused::NotPublic(_))
        ));
        assert!(guarded_client(Some(&number), true, None).is_ok());
        let name = Host::parse("localhost").unwrap();
        let client = guarded_client(Some(&name), false, None).unwrap();
        let refused = client.get("http://localhost:9/").send().await.unwrap_err();
        assert!(refused.is_connect(), "{refused:?}");
        assert!(
            format!("{refused:?}").contains("has no public address"),
            "{refused:?}"
        );
    }
}
