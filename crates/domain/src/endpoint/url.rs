//! The URL of an endpoint.

use std::net::IpAddr;

use url::{Host, Url};

use super::NetworkPolicy;

/// Longest URL, in bytes.
const MAX_BYTES: usize = 2_048;

/// Lowest port besides 80 and 443: below are services that do not speak HTTP, such as SSH and mail.
const FIRST_FREE_PORT: u16 = 1_024;

/// Why a URL cannot be an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is not a URL with a host.
    #[error("must be an absolute URL of at most {MAX_BYTES} bytes")]
    Malformed,
    /// Neither `https` nor an allowed `http`.
    #[error("must begin with https://")]
    Scheme,
    /// It contains a user name or a password.
    #[error("must not contain a user name or password; messages are signed instead")]
    Credentials,
    /// The port belongs to another service.
    #[error("the port must be 80, 443, or above 1023")]
    Port,
    /// The host is an address that may not be called.
    #[error("the address is not public")]
    Address,
}

/// A checked URL. Its host is a name, whose addresses are checked whenever it is called, or an allowed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// Parses a URL and checks everything that needs no network.
    pub fn parse(text: &str, policy: &NetworkPolicy) -> Result<Self, InvalidUrl> {
        let url = Url::parse(text).map_err(|_| InvalidUrl::Malformed)?;
        if text.len() > MAX_BYTES || url.fragment().is_some() {
            return Err(InvalidUrl::Malformed);
        }
        match url.scheme() {
            "https" => {}
            "http" if policy.http => {}
            _ => return Err(InvalidUrl::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::Credentials);
        }
        if !url.port_or_known_default().is_some_and(may_call) {
            return Err(InvalidUrl::Port);
        }
        match address(&url)? {
            Some(address) if !policy.permits(address) => Err(InvalidUrl::Address),
            _ => Ok(Self(url)),
        }
    }

    /// Returns the URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns the URL as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn may_call(port: u16) -> bool {
    port == 80 || port == 443 || port >= FIRST_FREE_PORT
}

/// Returns the address that the host is, in whichever notation; `None` if it is a name.
fn address(url: &Url) -> Result<Option<IpAddr>, InvalidUrl> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(Some(address.into())),
        Some(Host::Ipv6(address)) => Ok(Some(address.into())),
        Some(Host::Domain(name)) if !name.is_empty() => Ok(None),
        _ => Err(InvalidUrl::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EndpointUrl, InvalidUrl> {
        EndpointUrl::parse(text, &NetworkPolicy::default())
    }

    #[test]
    fn https_urls_with_public_hosts_are_accepted() {
        for text in [
            "https://example.com/hook?key=1",
            "https://example.com:8443/",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]:1024/x",
            "https://EXAMPLE.com",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let long = format!("https://example.com/{}", "x".repeat(MAX_BYTES));
        for (text, why) in [
            ("", InvalidUrl::Malformed),
            ("example.com/hook", InvalidUrl::Malformed),
            ("https://", InvalidUrl::Malformed),
            ("https://example.com/#part", InvalidUrl::Malformed),
            (long.as_str(), InvalidUrl::Malformed),
            ("http://example.com/", InvalidUrl::Scheme),
            ("ftp://example.com/", InvalidUrl::Scheme),
            ("file:///etc/passwd", InvalidUrl::Scheme),
            ("gopher://example.com/", InvalidUrl::Scheme),
            ("https://user@example.com/", InvalidUrl::Credentials),
            ("https://:secret@example.com/", InvalidUrl::Credentials),
            ("https://example.com:22/", InvalidUrl::Port),
            ("https://example.com:0/", InvalidUrl::Port),
            ("https://127.0.0.1/", InvalidUrl::Address),
            ("https://2130706433/", InvalidUrl::Address),
            ("https://0x7f.1/", InvalidUrl::Address),
            ("https://0177.0.0.1/", InvalidUrl::Address),
            ("https://127.1/", InvalidUrl::Address),
            ("https://[::1]/", InvalidUrl::Address),
            ("https://[::ffff:10.0.0.1]/", InvalidUrl::Address),
            ("https://[fe80::1]/", InvalidUrl::Address),
            ("https://169.254.169.254/latest/meta-data", InvalidUrl::Address),
            ("https://\u{ff11}27.0.0.1/", InvalidUrl::Address),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn http_is_accepted_if_the_operator_allows_it() {
        let policy = NetworkPolicy {
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            http: true,
        };

        assert!(EndpointUrl::parse("http://127.0.0.1:9000/hook", &policy).is_ok());
        assert_eq!(EndpointUrl::parse("ftp://127.0.0.1/", &policy), Err(InvalidUrl::Scheme));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!("https://{text}"));
        }
    }
}
