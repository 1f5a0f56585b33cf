//! From where a session is used: shown to its owner, compared with nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A client as it showed itself. Phones change networks and clients lie, so nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Its network, in place of its address: the first three bytes of IPv4, the first eight of IPv6.
    pub network: Option<String>,
    /// What it calls itself, cut to 255 characters.
    pub user_agent: Option<String>,
}

const LONGEST_USER_AGENT: usize = 255;

impl Seen {
    /// A client at this address, past trusted proxies, with its `User-Agent`.
    #[must_use]
    pub fn new(address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let shown = |text: &str| {
            let printable = text.chars().filter(|char| !char.is_control());
            printable.take(LONGEST_USER_AGENT).collect::<String>()
        };
        Self {
            network: address.map(network_of),
            user_agent: user_agent.map(shown).filter(|text| !text.is_empty()),
        }
    }
}

/// The network of an address: a /24, or a /64 of IPv6, by its first address.
#[must_use]
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).to_string()
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn an_address_is_kept_as_its_network_and_a_name_is_cut() {
        for (address, network) in [
            ("203.0.113.77", "203.0.113.0"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            let seen = Seen::new(Some(address.parse().unwrap()), None);
            assert_eq!(seen.network.as_deref(), Some(network));
        }
        let long = "é".repeat(300);
        let seen = Seen::new(None, Some(&long));
        assert_eq!(seen.user_agent, Some("é".repeat(255)));
        let seen = Seen::new(None, Some("curl\u{7}/8"));
        assert_eq!(seen.user_agent.as_deref(), Some("curl/8"));
        assert_eq!(Seen::new(None, Some("")), Seen::default());
    }
}
