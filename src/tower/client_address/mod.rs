//! [`ClientAddress`]: who sent a request.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::request::Parts;

mod forwarded;
mod network;

pub use forwarded::ForwardHeader;
pub use network::{InvalidNetwork, Network};

/// The address of the peer of a connection, as a request's extension: what [`ClientAddress::new`] looks for. Servers
/// without an extension of their own insert it; see the [module's](super) example for hyper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddress(pub SocketAddr);

/// Finds the address of the client that sent a request, as the key of a limit.
///
/// By default it is the address of the connection's peer, and no header field is believed. Behind proxies, name
/// them and the field that they set: [`behind`](Self::behind).
///
/// What it makes of an address:
///
/// - IPv6 addresses are grouped by /64, since whoever has one has 2⁶⁴ of them to choose from
///   ([`ipv6_prefix`](Self::ipv6_prefix));
/// - an IPv4-mapped IPv6 address, which a socket for both sees, is that IPv4 address.
///
/// ```
/// use axum::extract::ConnectInfo;
/// use lazy_limiter::tower::{ClientAddress, ForwardHeader, Network};
///
/// // hyper and others: from the extension `PeerAddress`, which you insert.
/// let direct = ClientAddress::new();
/// // axum, served with `into_make_service_with_connect_info::<SocketAddr>()`.
/// let direct = ClientAddress::with_peer(|request| {
///     request.extensions.get::<ConnectInfo<std::net::SocketAddr>>().map(|peer| peer.0.ip())
/// });
/// // The same behind two proxies of your own.
/// let proxies: [Network; 2] = ["10.0.0.0/8".parse()?, "2001:db8:1::/48".parse()?];
/// let proxied = direct.behind(proxies, ForwardHeader::XForwardedFor);
/// # Ok::<(), lazy_limiter::tower::InvalidNetwork>(())
/// ```
#[derive(Clone)]
pub struct ClientAddress {
    peer: Peer,
    proxies: Arc<[Network]>,
    header: ForwardHeader,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
}

type Peer = Arc<dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync>;

impl ClientAddress {
    /// The peer's address, from the extension [`PeerAddress`].
    pub fn new() -> ClientAddress {
        ClientAddress::with_peer(|request| request.extensions.get::<PeerAddress>().map(|peer| peer.0.ip()))
    }

    /// The peer's address, found by `peer`.
    ///
    /// A peer on a Unix socket has none: where that is your proxy, answer `127.0.0.1` for it, and trust that.
    pub fn with_peer(peer: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> ClientAddress {
        ClientAddress {
            peer: Arc::new(peer),
            proxies: Arc::new([]),
            header: ForwardHeader::XForwardedFor,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
        }
    }

    /// Believes `header`, as far as `proxies` have written it.
    ///
    /// If the peer is one of `proxies`, the last address in the field is the one it has forwarded for; if that is one
    /// of `proxies`, the one before it is; and so on. The first that is not a proxy is the client, however much stands
    /// to the left of it: a client can send what it likes, but it cannot make a proxy write another's address. If all
    /// are proxies, it is the leftmost.
    ///
    /// Name proxies, not networks in which clients live too: one of those would be taken for a proxy, and believed.
    ///
    /// Where a proxy names no address (`unknown`, an obfuscated name, nonsense), those behind it cannot be told
    /// apart: they share the proxy's own.
    pub fn behind<N>(mut self, proxies: impl IntoIterator<Item = N>, header: ForwardHeader) -> ClientAddress
    where
        N: Into<Network>,
    {
        self.proxies = proxies.into_iter().map(Into::into).collect();
        self.header = header;
        self
    }

    /// How many leading bits of an IPv6 address tell clients apart. The default is 64; what is above 128 is 128.
    pub fn ipv6_prefix(mut self, bits: u8) -> ClientAddress {
        self.ipv6_prefix = bits.min(128);
        self
    }

    /// How many leading bits of an IPv4 address tell clients apart. The default is 32, that is, all; what is above is
    /// 32.
    pub fn ipv4_prefix(mut self, bits: u8) -> ClientAddress {
        self.ipv4_prefix = bits.min(32);
        self
    }

    /// The client's address, all its bits behind the prefix zero; `None` if the peer is not known.
    pub fn of(&self, request: &Parts) -> Option<IpAddr> {
        let mut client = (self.peer)(request)?.to_canonical();
        if self.trusts(client) {
            for hop in self.header.hops(&request.headers) {
                let Some(hop) = hop else { break };
                client = hop.to_canonical();
                if !self.trusts(client) {
                    break;
                }
            }
        }
        let prefix = if client.is_ipv4() { self.ipv4_prefix } else { self.ipv6_prefix };
        Some(network::masked(client, prefix))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }
}

impl Default for ClientAddress {
    fn default() -> ClientAddress {
        ClientAddress::new()
    }
}

impl fmt::Debug for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAddress")
            .field("proxies", &self.proxies)
            .field("header", &self.header)
            .field("ipv4_prefix", &self.ipv4_prefix)
            .field("ipv6_prefix", &self.ipv6_prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client by a request from `peer` with these lines of `X-Forwarded-For`.
    fn client(address: &ClientAddress, peer: &str, lines: &[&str]) -> String {
        let mut request = http::Request::new(()).into_parts().0;
        request.extensions.insert(PeerAddress(SocketAddr::new(peer.parse().unwrap(), 1)));
        for line in lines {
            request.headers.append("x-forwarded-for", line.parse().unwrap());
        }
        address.of(&request).map_or("nobody".into(), |client| client.to_string())
    }

    fn behind_ten() -> ClientAddress {
        let proxies: [Network; 2] = ["10.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
        ClientAddress::new().behind(proxies, ForwardHeader::XForwardedFor)
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client(&ClientAddress::new(), "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client(&ClientAddress::new(), "127.0.0.1", &["198.51.100.1"]), "127.0.0.1");
        assert_eq!(ClientAddress::new().of(&http::Request::new(()).into_parts().0), None);
    }

    #[test]
    fn the_first_from_the_right_that_is_no_proxy_is_the_client() {
        for (peer, lines, expected) in [
            // Whoever is no proxy is the client, whatever it says.
            ("192.0.2.1", &["198.51.100.1", "10.0.0.1"] as &[&str], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What the client made up stands to the left.
            ("10.0.0.1", &["203.0.113.5, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.5", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.7, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.5, 198.51.100.1, 10.2.0.1, 2001:db8:1::5"], "198.51.100.1"),
            ("2001:db8:1::5", &["198.51.100.1, ::ffff:10.0.0.9"], "198.51.100.1"),
            // Nothing is said, or only by proxies.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            // An address is not told: no further.
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, _x, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::"),
        ] {
            assert_eq!(client(&behind_ten(), peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn addresses_are_grouped() {
        let direct = ClientAddress::new();
        for (peer, expected) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(client(&direct, peer, &[]), expected);
        }
        let coarse = direct.clone().ipv6_prefix(48).ipv4_prefix(24);
        assert_eq!(client(&coarse, "2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1::");
        assert_eq!(client(&coarse, "192.0.2.77", &[]), "192.0.2.0");
        let fine = direct.clone().ipv6_prefix(200).ipv4_prefix(200);
        assert_eq!(client(&fine, "2001:db8::6", &[]), "2001:db8::6");
        let none = direct.ipv6_prefix(0).ipv4_prefix(0);
        assert_eq!(client(&none, "2001:db8::6", &[]), "::");
        assert_eq!(client(&none, "192.0.2.77", &[]), "0.0.0.0");
    }
}
