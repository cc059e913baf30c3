//! [`Network`]: a block of addresses.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// A block of addresses in CIDR notation (RFC 4632, RFC 4291): `10.0.0.0/8`, `2001:db8::/32`; or one address.
///
/// Bits behind the prefix are ignored. A block of IPv4-mapped IPv6 addresses is the IPv4 block that it maps.
///
/// ```
/// use lazy_limiter::tower::Network;
///
/// let private: Network = "10.0.0.0/8".parse()?;
/// assert!(private.contains("10.1.2.3".parse()?));
/// assert!(private.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!private.contains("11.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// The first address, in canonical form.
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// The block of the addresses that share the first `prefix` bits of `address`.
    ///
    /// # Errors
    ///
    /// If `prefix` is above 32 for an IPv4 address, or above 128 for an IPv6 address.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Network, InvalidNetwork> {
        let (address, prefix) = match (address, address.to_canonical()) {
            (IpAddr::V4(_), _) if prefix > 32 => return Err(InvalidNetwork::Prefix),
            (IpAddr::V6(_), _) if prefix > 128 => return Err(InvalidNetwork::Prefix),
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if prefix >= 96 => (v4, prefix - 96),
            (address, _) => (address, prefix),
        };
        Ok(Network { first: masked(address, prefix), prefix })
    }

    /// Whether `address` lies in it. An IPv4-mapped IPv6 address is the IPv4 address that it maps.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }
}

/// `address` with all but its first `prefix` bits cleared.
pub(super) fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

/// The block of this address alone.
impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        let first = address.to_canonical();
        Network { first, prefix: if first.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| InvalidNetwork::Address);
        match text.split_once('/') {
            None => address(text).map(Network::from),
            Some((first, prefix)) => {
                // No sign and no blanks, which a number may have elsewhere.
                let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
                let prefix = prefix.parse().ok().filter(|_| digits).ok_or(InvalidNetwork::Prefix);
                Network::new(address(first)?, prefix?)
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Why a text is no [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidNetwork {
    /// What should be an IP address is none.
    Address,
    /// What should be the number of leading bits is none, or more than the address has.
    Prefix,
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidNetwork::Address => "no IP address",
            InvalidNetwork::Prefix => "the prefix is no number of bits that the address has",
        })
    }
}

impl core::error::Error for InvalidNetwork {}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn blocks_begin_and_end_where_they_should() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
            ("10.1.2.3/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
            ("192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::1"]),
            ("::/0", ["::1", "ffff::"], ["1.2.3.4", "::ffff:1.2.3.4"]),
            ("2001:db8::/33", ["2001:db8::", "2001:db8:7fff::"], ["2001:db8:8000::", "2001:db7::"]),
            ("::ffff:10.0.0.0/104", ["10.0.0.1", "::ffff:10.9.9.9"], ["11.0.0.1", "::10.0.0.1"]),
            ("::ffff:10.0.0.1", ["10.0.0.1", "::ffff:10.0.0.1"], ["10.0.0.2", "::"]),
        ] {
            for address in inside {
                assert!(network(block).contains(ip(address)), "{address} in {block}");
            }
            for address in outside {
                assert!(!network(block).contains(ip(address)), "{address} not in {block}");
            }
        }
        assert_eq!(network("10.1.2.3/8").to_string(), "10.0.0.0/8");
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in ["10.0.0.0/33", "::/129", "::/-1", "10.0.0.0/+8", "10.0.0.0/", "10.0.0.0/8/8", "::/999"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::Prefix), "{text}");
        }
        for text in ["", "/", "10.0.0/8", "localhost", " 10.0.0.1", "10.0.0.1:80", "[::1]"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::Address), "{text}");
        }
    }
}
