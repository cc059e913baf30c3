//! The replay example's log parser: every line is a request or is counted, and clients are told apart.

#[path = "../../examples/replay/log.rs"]
#[allow(dead_code)]
mod log;

use std::collections::HashSet;

use log::{Log, Request};

pub(crate) fn run(data: &[u8]) {
    let log = Log::read(data, |_| {}).expect("memory can be read");
    let lines = data.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
    let (requests, others): (Vec<_>, Vec<_>) = lines.map(Request::parse).partition(Result::is_ok);
    assert_eq!((log.requests.len(), log.skipped), (requests.len(), others.len() as u64));
    assert_eq!(log.first_skipped.is_some(), log.skipped > 0);
    for ((time, client), request) in log.requests.iter().zip(requests) {
        let request = request.expect("so sorted");
        assert_eq!(
            (*time, &log.clients[*client]),
            (request.time, &request.client.escape_ascii().to_string())
        );
    }
    let clients: HashSet<_> = log.clients.iter().collect();
    assert_eq!(clients.len(), log.clients.len(), "one client, twice");
    assert!(log.clients.iter().all(|client| client.is_ascii()));
}
