//! Which addresses an endpoint may have. Whoever may create an endpoint could otherwise make this server call services that
//! only it can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 networks that are not public: the registry of special-purpose addresses (RFC 6890 and its updates) and multicast.
const NOT_PUBLIC_V4: [([u8; 4], u8); 16] = [
    ([0, 0, 0, 0], 8),       // this host
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by a provider's customers (CGNAT)
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, and the metadata services of clouds
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 31, 196, 0], 24), // AS112
    ([192, 52, 193, 0], 24), // AMT
    ([192, 88, 99, 0], 24),  // 6to4 relays
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 3),     // multicast, reserved, broadcast
];

/// The only IPv6 network with public unicast addresses. Outside are loopback, link-local, ULA, multicast, NAT64
/// (`64:ff9b::/96`, `64:ff9b:1::/48`) and addresses that contain an IPv4 address.
const PUBLIC_V6: (u16, u8) = (0x2000, 3);

/// Networks in [`PUBLIC_V6`] that are not public, by their first 32 bits.
const NOT_PUBLIC_V6: [(u16, u16, u8); 4] = [
    (0x2001, 0x0000, 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (0x2001, 0x0db8, 32), // documentation
    (0x2002, 0x0000, 16), // 6to4, which contains an IPv4 address
    (0x3fff, 0x0000, 20), // documentation
];

/// What the operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// Networks that are allowed although they are not public.
    pub allowed: Vec<IpNet>,
    /// Whether `http` URLs are allowed.
    pub http: bool,
}

impl NetworkPolicy {
    /// Whether an endpoint may have this address: it is public, or the operator allows its network. An IPv6 address that
    /// maps an IPv4 address is judged as that.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let network = |(base, prefix): ([u8; 4], u8)| Ipv4Net::new_assert(base.into(), prefix);
    !NOT_PUBLIC_V4
        .into_iter()
        .any(|special| network(special).contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let network = |first, second, prefix| Ipv6Net::new_assert([first, second, 0, 0, 0, 0, 0, 0].into(), prefix);
    let is_special = |(first, second, prefix)| network(first, second, prefix).contains(&address);
    network(PUBLIC_V6.0, 0, PUBLIC_V6.1).contains(&address) && !NOT_PUBLIC_V6.into_iter().any(is_special)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_only_this_server_may_reach_are_refused() {
        let policy = NetworkPolicy::default();

        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::a00:1",
            "2001::1",
            "2001:0:7f00:1::",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "3fff::1",
            "100::1",
            "fec0::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!policy.permits(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_allowed_up_to_the_borders_of_private_networks() {
        let policy = NetworkPolicy::default();

        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(policy.permits(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn the_operator_may_allow_networks_and_nothing_else_is_allowed_by_that() {
        let policy = NetworkPolicy {
            allowed: vec!["127.0.0.1/32".parse().unwrap(), "fd00:1::/32".parse().unwrap()],
            http: false,
        };

        for (address, allowed) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.2", false),
            ("fd00:1::7", true),
            ("fd00:2::7", false),
            ("::1", false),
        ] {
            assert_eq!(policy.permits(address.parse().unwrap()), allowed, "{address}");
        }
    }
}
