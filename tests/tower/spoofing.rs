//! Whatever a client sends, it cannot choose whom a trusted proxy says it is.

use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderName, HeaderValue};
use lazy_limiter::tower::{ClientAddress, ForwardHeader, Network, PeerAddress};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a header field may hold, with a taste for what has a meaning in these.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let telling = proptest::sample::select(b"\"\"\\\\,,;;==[]:. \tfor10".to_vec());
    vec(prop_oneof![3 => telling, 1 => 0x20..0x7f_u8, 1 => 0x80..=0xff_u8], 0..40)
}

/// A request that has come through two proxies, with these lines of `name`.
fn request(name: &HeaderName, lines: &[Vec<u8>]) -> Parts {
    let mut request = http::Request::new(()).into_parts().0;
    request.extensions.insert(PeerAddress(SocketAddr::from(([10, 0, 0, 1], 1))));
    for line in lines {
        request.headers.append(name, HeaderValue::from_bytes(line).unwrap());
    }
    request
}

fn behind_ten(header: ForwardHeader) -> ClientAddress {
    ClientAddress::new().behind(["10.0.0.0/8".parse::<Network>().unwrap()], header)
}

/// As a proxy quotes it (RFC 9110, section 5.6.4).
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    quoted
}

/// The lines that arrive when proxies have added these elements to what the client sent: to the last line, or each on
/// a line of its own.
fn forwarded(mut lines: Vec<Vec<u8>>, elements: &[Vec<u8>], own_line: bool) -> Vec<Vec<u8>> {
    for element in elements {
        match lines.last_mut() {
            Some(last) if !own_line => {
                last.extend(b", ");
                last.extend(element);
            }
            _ => lines.push(element.clone()),
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn x_forwarded_for_is_the_last_that_is_no_proxy(sent in vec(line(), 0..3), own_line: bool) {
        let lines = forwarded(sent, &[b"192.0.2.1".to_vec(), b"10.0.0.2".to_vec()], own_line);
        let name = HeaderName::from_static("x-forwarded-for");
        let client = behind_ten(ForwardHeader::XForwardedFor).of(&request(&name, &lines));
        prop_assert_eq!(client, Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn forwarded_is_the_last_that_is_no_proxy(sent in vec(line(), 0..3), host in line(), own_line: bool) {
        // A proxy repeats the host that the client has asked for, in quotes.
        let first = [b"for=192.0.2.1;host=".to_vec(), quoted(&host)].concat();
        let second = [b"host=".to_vec(), quoted(&host), b"; for=\"10.0.0.2:80\"".to_vec()].concat();
        let lines = forwarded(sent, &[first, second], own_line);
        let client = behind_ten(ForwardHeader::Forwarded).of(&request(&http::header::FORWARDED, &lines));
        prop_assert_eq!(client, Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn nonsense_is_no_reason_to_panic(lines in vec(line(), 0..4)) {
        let name = HeaderName::from_static("x-forwarded-for");
        prop_assert!(behind_ten(ForwardHeader::XForwardedFor).of(&request(&name, &lines)).is_some());
        let client = behind_ten(ForwardHeader::Forwarded).of(&request(&http::header::FORWARDED, &lines));
        prop_assert!(client.is_some());
    }
}
