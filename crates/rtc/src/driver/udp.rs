//! The UDP sockets of one media connection: one per local address, because ICE must know which address a packet was
//! received on.

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    task::Poll,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use url::{Host, Url};

use crate::config::BindAddr;

/// Size of the receive buffer requested from the kernel. 150 tracks send 7500 packets a second, which must not be lost
/// while the task does not run.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// The most sockets opened. Each address is one more candidate for the server to check.
const MAX_SOCKETS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct UdpSockets(Vec<(SocketAddr, UdpSocket)>);

impl UdpSockets {
    /// Binds a socket to each address. Fails only if none can be bound.
    pub fn open(bind: &BindAddr, server: &Url) -> io::Result<Self> {
        let addresses = match bind {
            BindAddr::Usable => usable_addresses(server)?,
            BindAddr::Only(addresses) => addresses.clone(),
        };
        let mut failure = io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "this machine has no usable network address",
        );
        let mut sockets = Vec::new();
        for address in addresses.into_iter().take(MAX_SOCKETS) {
            match open(address) {
                Ok(socket) => sockets.push(socket),
                Err(error) => failure = error,
            }
        }
        if sockets.is_empty() {
            Err(failure)
        } else {
            Ok(Self(sockets))
        }
    }

    /// Returns the local addresses.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|(address, _)| *address).collect()
    }

    /// Waits until a socket is readable and returns its index. Waits forever if there are no sockets.
    pub async fn readable(&self) -> usize {
        poll_fn(|context| {
            let ready = |(_, socket): &(_, UdpSocket)| socket.poll_recv_ready(context).is_ready();
            self.0.iter().position(ready).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Reads the next datagram of socket `index`, if there is one. Returns its length, remote address and local address.
    pub fn try_receive(&self, index: usize, buffer: &mut [u8]) -> Option<(usize, SocketAddr, SocketAddr)> {
        let (local, socket) = self.0.get(index)?;
        // Errors concern one datagram (such as ICMP unreachable), not the socket.
        let (length, remote) = socket.try_recv_from(buffer).ok()?;
        Some((length, remote, *local))
    }

    /// Sends a datagram, or drops it if it cannot be sent, as the network may.
    pub fn send(&self, local: SocketAddr, remote: SocketAddr, contents: &[u8]) {
        if let Some((_, socket)) = self.0.iter().find(|(address, _)| *address == local) {
            // Bypass tokio, which considers a new socket unready until it has waited for it once.
            let _may_be_lost = SockRef::from(socket).send_to(contents, &remote.into());
        }
    }
}

fn open(address: IpAddr) -> io::Result<(SocketAddr, UdpSocket)> {
    let address = SocketAddr::new(address, 0);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The kernel may grant less, which is not an error.
    let _best_effort = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.bind(&address.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    Ok((socket.local_addr()?, socket))
}

/// Returns the addresses of this machine. Loopback reaches only a server on loopback, and would otherwise be one more
/// candidate that fails.
fn usable_addresses(server: &Url) -> io::Result<Vec<IpAddr>> {
    let with_loopback = is_loopback(server);
    let usable =
        |interface: &if_addrs::Interface| !interface.is_link_local() && (with_loopback || !interface.is_loopback());
    let mut addresses: Vec<_> = if_addrs::get_if_addrs()?
        .iter()
        .filter(|interface| usable(interface))
        .map(if_addrs::Interface::ip)
        .collect();
    // Several interfaces may share an address. Loopback comes first, because it is the shortest path.
    addresses.sort_by_key(|address| (!address.is_loopback(), *address));
    addresses.dedup();
    Ok(addresses)
}

fn is_loopback(server: &Url) -> bool {
    match server.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(server: &str) -> Vec<IpAddr> {
        usable_addresses(&Url::parse(server).unwrap()).unwrap()
    }

    #[test]
    fn loopback_is_used_only_for_a_server_on_loopback() {
        assert!(addresses("http://localhost:7880").iter().any(IpAddr::is_loopback));
        assert!(addresses("http://[::1]:7880").iter().any(IpAddr::is_loopback));
        assert!(!addresses("wss://livekit.example.org").iter().any(IpAddr::is_loopback));
    }

    #[tokio::test]
    async fn each_address_has_its_own_socket() {
        let loopback = BindAddr::Only(vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()]);
        let sockets = UdpSockets::open(&loopback, &Url::parse("ws://x").unwrap()).unwrap();
        let [one, other] = sockets.addresses().try_into().unwrap();

        sockets.send(one, other, b"hello");

        let index = sockets.readable().await;
        assert_eq!(
            (index, sockets.try_receive(index, &mut [0; 16])),
            (1, Some((5, one, other)))
        );
        assert_eq!(sockets.try_receive(index, &mut [0; 16]), None);
    }

    #[tokio::test]
    async fn a_foreign_address_cannot_be_bound() {
        let foreign = BindAddr::Only(vec!["203.0.113.7".parse().unwrap()]);

        assert!(UdpSockets::open(&foreign, &Url::parse("ws://x").unwrap()).is_err());
    }
}
