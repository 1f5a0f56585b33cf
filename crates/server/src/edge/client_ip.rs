//! Where a request came from, past the proxies that are trusted.

use std::net::IpAddr;

use ipnet::IpNet;

/// The client's address: `X-Forwarded-For` walked from the right past trusted hops. An element that is no address ends
/// the walk, and so does the first that is not trusted.
#[must_use]
pub(crate) fn client_ip<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    for element in forwarded.rev().flat_map(|line| line.rsplit(',')) {
        if !is_trusted(&client) {
            break;
        }
        match element.trim().parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::client_ip;

    #[test]
    fn forwarded_headers_count_only_as_far_as_the_hops_are_trusted() {
        let trusted = ["10.0.0.0/8", "192.168.1.1/32", "fd00::/8"].map(|net| net.parse().unwrap());
        let cases: [(&str, &[&str], &str); 20] = [
            ("203.0.113.7", &[], "203.0.113.7"),
            ("203.0.113.7", &["1.2.3.4"], "203.0.113.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.9"], "198.51.100.9"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.9"], "198.51.100.9"),
            ("10.0.0.1", &["198.51.100.9, 10.0.0.2"], "198.51.100.9"),
            (
                "10.0.0.1",
                &["6.6.6.6, 198.51.100.9, 10.0.0.2, 10.0.0.3"],
                "198.51.100.9",
            ),
            ("10.0.0.1", &["198.51.100.9", "10.0.0.2"], "198.51.100.9"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.9"], "198.51.100.9"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.9, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.9, garbage, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.9:4711"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            ("192.168.1.1", &["198.51.100.9"], "198.51.100.9"),
            ("192.168.1.2", &["198.51.100.9"], "192.168.1.2"),
            ("fd00::1", &["2001:db8::5"], "2001:db8::5"),
            ("2001:db8::9", &["2001:db8::5"], "2001:db8::9"),
            ("::ffff:10.0.0.1", &["198.51.100.9"], "198.51.100.9"),
        ];
        for (peer, headers, expected) in cases {
            let found = client_ip(peer.parse().unwrap(), headers.iter().copied(), &trusted);
            assert_eq!(found.to_string(), expected, "{peer} {headers:?}");
        }
    }
}
