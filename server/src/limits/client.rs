//! The address of the client behind trusted proxies.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Leading bits of an IPv6 address that one customer has: the rest is the customer's to choose.
const IPV6_PREFIX: u32 = 64;

/// Returns the client's address: the last one of `X-Forwarded-For` that is not a trusted proxy, each proxy having appended
/// the address that it saw. Without a trusted peer, the header is the client's own invention.
///
/// If an entry is not an address, the client is unknown: the result is the proxy that sent the entry, whose clients then
/// share one limit.
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut hop = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for").iter().rev();
    // A value that is not text has no addresses, and ends the search.
    let mut entries = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
    while is_trusted(hop) {
        match entries.next().and_then(parse) {
            Some(earlier) => hop = earlier,
            None => break,
        }
    }
    hop
}

/// Returns the address under which a client is limited: one for each IPv6 network of 64 bits.
pub fn limited_as(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - IPV6_PREFIX))).into(),
        v4 => v4,
    }
}

/// Parses a network such as `10.0.0.0/8`, or one address.
///
/// # Errors
/// If it is neither, or has bits after its prefix, which is probably a mistake.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text
            .parse::<IpNet>()
            .map_err(|_| "use an address or a network such as 10.0.0.0/8".to_owned())?,
    };
    match network.addr() == network.network() {
        true => Ok(canonical(network)),
        false => Err(format!("has bits after its prefix; use {}", network.trunc())),
    }
}

/// IPv4 networks may be written as IPv6 (`::ffff:10.0.0.0/104`); addresses are compared in their shortest form.
fn canonical(network: IpNet) -> IpNet {
    match network {
        IpNet::V6(v6) => mapped_ipv4(v6).map_or(network, IpNet::V4),
        IpNet::V4(_) => network,
    }
}

fn mapped_ipv4(network: Ipv6Net) -> Option<Ipv4Net> {
    let address = network.addr().to_ipv4_mapped()?;
    Ipv4Net::new(address, network.prefix_len().checked_sub(96)?).ok()
}

/// Parses an entry of `X-Forwarded-For`. Some proxies add a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bracketed = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed
        .unwrap_or(entry)
        .parse()
        .or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

    fn client(peer: &str, values: &[&[u8]]) -> String {
        let trusted = ["127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8"].map(|text| parse_network(text).unwrap());
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED, HeaderValue::from_bytes(value).unwrap());
        }
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn trusted_hops_are_skipped_from_the_right() {
        for (peer, values, expected) in [
            ("9.9.9.9", &[&b"1.2.3.4"[..]][..], "9.9.9.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &[b"6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", &[b"6.6.6.6, 1.2.3.4, 10.1.2.3,10.9.9.9"], "1.2.3.4"),
            ("127.0.0.1", &[b"6.6.6.6", b"1.2.3.4", b"10.1.2.3"], "1.2.3.4"),
            ("::ffff:10.0.0.1", &[b"::ffff:1.2.3.4"], "1.2.3.4"),
            ("fd00::7", &[b"[2001:db8::1]:443, 10.0.0.1:80"], "2001:db8::1"),
            ("::1", &[b"[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", &[b"10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, values), expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn what_is_no_address_ends_the_search_at_the_proxy_that_sent_it() {
        for bad in [
            &b"somebody"[..],
            b"",
            b",",
            b"1.2.3.4,",
            b"1.2.3.4, unknown",
            b"1.2.3.4, 999.1.1.1",
            b"1.2.3.4, \xff",
            b"1.2.3.4, fe80::1%eth0",
            b"1.2.3.4, 0x7f.1",
            b"1.2.3.4, 1.2.3.4:99999",
        ] {
            assert_eq!(client("127.0.0.1", &[b"5.5.5.5", bad]), "127.0.0.1", "{bad:?}");
        }
        assert_eq!(client("127.0.0.1", &[b"5.5.5.5, ?, 10.0.0.1"]), "10.0.0.1");
    }

    #[test]
    fn an_ipv6_customer_has_one_limit() {
        let limited = |text: &str| limited_as(text.parse().unwrap()).to_string();

        assert_eq!(limited("2001:db8:1:2:aaaa:bbbb:cccc:dddd"), "2001:db8:1:2::");
        assert_eq!(limited("2001:db8:1:3::1"), "2001:db8:1:3::");
        assert_eq!(
            (limited("1.2.3.4"), limited("::ffff:1.2.3.4")),
            ("1.2.3.4".into(), "1.2.3.4".into())
        );
    }

    #[test]
    fn a_network_must_be_written_without_bits_after_its_prefix() {
        let read = |text: &str| parse_network(text).map(|network| network.to_string());

        assert_eq!(read("10.0.0.0/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(read(" 10.0.0.1").as_deref(), Ok("10.0.0.1/32"));
        assert_eq!(read("::ffff:10.0.0.0/104").as_deref(), Ok("10.0.0.0/8"));
        for bad in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0/8",
            "proxy.example.org",
            "::1/64",
            "10.0.0.0/-1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
