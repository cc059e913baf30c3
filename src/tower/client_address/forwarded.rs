//! What proxies say in header fields about whom they forward for, read from the right: the last word is that of
//! the nearest proxy, and what stands further left may have been written by anybody.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

/// The field in which proxies say whom they forward for.
///
/// Name the one that your proxies *set*. Proxies pass on other fields as they came: whoever believed all of them would
/// believe the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardHeader {
    /// `X-Forwarded-For: client, proxy1, proxy2`.
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy1;proto=https` (RFC 7239).
    Forwarded,
    /// Another field that is written like `X-Forwarded-For`: a list, or one address (`X-Real-IP`).
    Named(HeaderName),
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl ForwardHeader {
    /// The hops, nearest first. `None` is one whose address is not told, or told in no known way.
    pub(super) fn hops<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + 'a {
        let name = match self {
            ForwardHeader::XForwardedFor => &X_FORWARDED_FOR,
            ForwardHeader::Forwarded => &FORWARDED,
            ForwardHeader::Named(name) => name,
        };
        let address = if *self == ForwardHeader::Forwarded { element } else { node };
        let lines = headers.get_all(name).iter().rev();
        let hops = lines.flat_map(|line| FromRight::new(line.as_bytes(), b','));
        // A list may have empty elements, which mean nothing (RFC 9110, section 5.6.1).
        hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()).map(address)
    }
}

/// The pieces of a text between separators, from the right. A separator in a quoted string is none.
///
/// From the right, too, is where quoted strings are looked for: an unbalanced quote that a client has sent does not
/// reach what a proxy wrote behind it.
struct FromRight<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> FromRight<'a> {
    fn new(text: &'a [u8], separator: u8) -> FromRight<'a> {
        FromRight { rest: Some(text), separator }
    }
}

impl<'a> Iterator for FromRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut quoted = false;
        let mut at = rest.len();
        while at > 0 {
            at -= 1;
            match rest[at] {
                b'"' => {
                    // One behind an odd number of backslashes is a part of the string.
                    let backslashes = rest[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
                    quoted ^= backslashes % 2 == 0;
                }
                byte if byte == self.separator && !quoted => {
                    self.rest = Some(&rest[..at]);
                    return Some(&rest[at + 1..]);
                }
                _ => {}
            }
        }
        self.rest = None;
        Some(rest)
    }
}

/// The address in an element of `Forwarded`: that of its only `for`.
fn element(element: &[u8]) -> Option<IpAddr> {
    let mut node_of = None;
    for pair in FromRight::new(element, b';').map(<[u8]>::trim_ascii) {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = equals.map_or((pair, &pair[pair.len()..]), |at| (&pair[..at], &pair[at + 1..]));
        if name.trim_ascii_end().eq_ignore_ascii_case(b"for") {
            if node_of.is_some() {
                return None;
            }
            node_of = Some(value.trim_ascii_start());
        }
    }
    match node_of? {
        // An address has nothing in it that would be escaped.
        [b'"', inner @ .., b'"'] => node(inner),
        token => node(token),
    }
}

/// The address in a node, whose port, if it has one, does not matter: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(node: &[u8]) -> Option<IpAddr> {
    let node = core::str::from_utf8(node).ok()?;
    if let Some(node) = node.strip_prefix('[') {
        let (address, port) = node.split_once(']')?;
        let address = address.parse::<Ipv6Addr>().ok()?;
        return (port.is_empty() || port.starts_with(':')).then_some(address.into());
    }
    node.parse().ok().or_else(|| Some(node.split_once(':')?.0.parse::<Ipv4Addr>().ok()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(header: &ForwardHeader, lines: &[&str]) -> Vec<String> {
        let name = match header {
            ForwardHeader::Forwarded => FORWARDED,
            ForwardHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardHeader::Named(name) => name.clone(),
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, line.parse().unwrap());
        }
        header.hops(&headers).map(|hop| hop.map_or("?".into(), |hop| hop.to_string())).collect()
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right() {
        for (lines, expected) in [
            (&["192.0.2.1"] as &[&str], &["192.0.2.1"] as &[&str]),
            (&["192.0.2.1, 192.0.2.2 ,192.0.2.3"], &["192.0.2.3", "192.0.2.2", "192.0.2.1"]),
            (&["192.0.2.1,192.0.2.2", "192.0.2.3"], &["192.0.2.3", "192.0.2.2", "192.0.2.1"]),
            (&["192.0.2.1:65000, 2001:db8::1"], &["2001:db8::1", "192.0.2.1"]),
            (&["[2001:db8::1]:443, [2001:db8::2]"], &["2001:db8::2", "2001:db8::1"]),
            (&["unknown, _hidden, 192.0.2.1"], &["192.0.2.1", "?", "?"]),
            (&[",, 192.0.2.1 , ,"], &["192.0.2.1"]),
            (&["", " "], &[]),
            (&["192.0.2.256, fe80::1%eth0, [::1, ::1], 192.0.2.1.1"], &["?"; 5]),
            (&["\"192.0.2.1\", 192.0.2.2"], &["192.0.2.2", "?"]),
            (&["\", 192.0.2.2"], &["192.0.2.2", "?"]),
        ] {
            assert_eq!(hops(&ForwardHeader::XForwardedFor, lines), expected, "{lines:?}");
            let named = ForwardHeader::Named(HeaderName::from_static("x-real-ip"));
            assert_eq!(hops(&named, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_from_the_right() {
        for (lines, expected) in [
            // The examples of RFC 7239, section 4 and 7.
            (&["for=\"_gazonk\""] as &[&str], &["?"] as &[&str]),
            (&["For=\"[2001:db8:cafe::17]:4711\""], &["2001:db8:cafe::17"]),
            (&["for=192.0.2.60;proto=http;by=203.0.113.43"], &["192.0.2.60"]),
            (&["for=192.0.2.43, for=198.51.100.17"], &["198.51.100.17", "192.0.2.43"]),
            (&["for=192.0.2.43, for=\"[2001:db8:cafe::17]\""], &["2001:db8:cafe::17", "192.0.2.43"]),
            (&["for=_hidden, for=_SEVKISEK"], &["?", "?"]),
            (&["for=\"192.0.2.43:47011\""], &["192.0.2.43"]),
            (&["for=\"192.0.2.43:_obfuscated\""], &["192.0.2.43"]),
            // Order, letter case and blanks do not matter; nor do quotes around what needs none.
            (&["proto=https ; FOR = \"192.0.2.1\" ; by=_x", "for=192.0.2.2"], &["192.0.2.2", "192.0.2.1"]),
            // Without an address.
            (&["proto=https", "by=192.0.2.1", "for", "for=", "192.0.2.1"], &["?"; 5]),
            // Which of two?
            (&["for=192.0.2.1;for=192.0.2.2"], &["?"]),
            // A separator in a quoted string is none, whatever a client makes a proxy quote.
            (&["for=192.0.2.1;host=\"a, for=192.0.2.9\""], &["192.0.2.1"]),
            (&["for=192.0.2.1;host=\"a; for=192.0.2.9\""], &["192.0.2.1"]),
            (&["for=192.0.2.1;host=\"a\\\", for=192.0.2.9;x=\\\"\""], &["192.0.2.1"]),
            (&["for=192.0.2.1;host=\"\\\\\", for=192.0.2.2"], &["192.0.2.2", "192.0.2.1"]),
            // Quotes that a client leaves open do not reach what was written behind them.
            (&["for=\", for=192.0.2.1"], &["192.0.2.1", "?"]),
            (&["for=192.0.2.9;x=\"\\, for=192.0.2.1"], &["192.0.2.1", "?"]),
            (&["\\\", for=192.0.2.1"], &["192.0.2.1", "?"]),
        ] {
            assert_eq!(hops(&ForwardHeader::Forwarded, lines), expected, "{lines:?}");
        }
    }
}
