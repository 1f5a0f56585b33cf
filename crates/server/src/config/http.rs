//! Addresses, hosts, origins and proxies.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use url::Url;

use super::Source;

/// How the server is reached, and by whom.
#[derive(Debug)]
pub(crate) struct Http {
    /// `HOST`: the address to listen on.
    pub host: IpAddr,
    /// `PORT`: 0 takes a free one.
    pub port: u16,
    /// `APP_PUBLIC_URL`: the address clients use. Every absolute URL is made from it.
    pub public_url: Url,
    /// `ALLOWED_HOSTS`, ports ignored; the host of `APP_PUBLIC_URL` always belongs to it.
    pub allowed_hosts: Vec<String>,
    /// `ALLOWED_ORIGINS` of browsers that may call `/api/v1`.
    pub allowed_origins: Vec<String>,
    /// `TRUSTED_PROXIES`: networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// `WORKERS`: threads that speak HTTP; 0 is one a core.
    pub workers: usize,
    /// `SHUTDOWN_GRACE_SECONDS`: how long live runs may go on after the order to stop.
    pub shutdown_grace: Duration,
}

impl Http {
    pub(super) fn read(source: &mut Source) -> Self {
        let host = source.parse("HOST", IpAddr::from([127, 0, 0, 1]));
        let port = u16::try_from(source.number("PORT", 8080, 0..=65535)).unwrap_or(8080);
        let public_url = public_url(source);
        let mut allowed_hosts = source.list("ALLOWED_HOSTS", &["localhost", "127.0.0.1", "[::1]"]);
        for host in &mut allowed_hosts {
            *host = without_port(host).to_ascii_lowercase();
        }
        allowed_hosts.extend(public_url.host_str().map(str::to_ascii_lowercase));
        Self {
            host,
            port,
            allowed_hosts,
            public_url,
            allowed_origins: origins(source),
            trusted_proxies: proxies(source),
            workers: usize::try_from(source.number("WORKERS", 0, 0..=1024)).unwrap_or(0),
            shutdown_grace: Duration::from_secs(source.number("SHUTDOWN_GRACE_SECONDS", 20, 0..=3600)),
        }
    }

    /// The public address without a trailing slash, as issuers and links write it.
    #[must_use]
    pub(crate) fn public_base(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }
}

/// The host of an authority; an IPv6 address keeps its brackets.
#[must_use]
pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() => {
            if host.starts_with('[') != host.ends_with(']') || (host.contains(':') && !host.starts_with('['))
            {
                authority
            } else {
                host
            }
        }
        _ => authority,
    }
}

fn public_url(source: &mut Source) -> Url {
    let text = source
        .text("APP_PUBLIC_URL")
        .unwrap_or_else(|| "http://localhost:8080".to_owned());
    match Url::parse(&text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.query().is_none() =>
        {
            url
        }
        _ => {
            source.refuse(
                "APP_PUBLIC_URL",
                "must be an http or https address without a query",
            );
            FALLBACK.clone()
        }
    }
}

/// Goes on in place of an address that was refused, so that the rest of the settings can be looked at too.
static FALLBACK: std::sync::LazyLock<Url> = std::sync::LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant that is an address")]
    Url::parse("http://localhost").unwrap()
});

fn origins(source: &mut Source) -> Vec<String> {
    let origins = source.list(
        "ALLOWED_ORIGINS",
        &["http://localhost:8000", "http://localhost:8080"],
    );
    for origin in &origins {
        let is_origin = Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
        if origin == "*" {
            source.refuse(
                "ALLOWED_ORIGINS",
                "`*` would let any site use a person's credentials; list the origins",
            );
        } else if !is_origin {
            source.refuse(
                "ALLOWED_ORIGINS",
                &format!("`{origin}` is no origin; write scheme://host[:port]"),
            );
        }
    }
    origins
}

fn proxies(source: &mut Source) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in source.list("TRUSTED_PROXIES", &[]) {
        match text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        {
            Ok(network) => networks.push(network),
            Err(_) => source.refuse(
                "TRUSTED_PROXIES",
                &format!("`{text}` is no network such as 10.0.0.0/8"),
            ),
        }
    }
    networks
}
