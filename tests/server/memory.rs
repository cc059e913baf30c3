//! Memory stays flat, however many clients come.

use super::client::{Connection, flood};
use super::process::Server;

/// So many clients at first: they fill pools and buffers, and are as many as are held at a time.
const WARM_UP: u32 = 40_000;
const CLIENTS: u32 = 200_000;

/// What those who come later may leave behind, in KiB: a fraction of what as many keys take.
const ROOM: u64 = 8 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_are_gone_leave_nothing() {
    // A client's bucket is full again at once, and is dropped a second later.
    let limits = ["--trust", "127.0.0.0/8", "--client", "5,100000/s", "--everyone", "1000000000,1000000/s"];
    let server = Server::start(&limits);
    assert_eq!(flood(server.address, 0, WARM_UP, 16).await, WARM_UP);
    let before = server.resident();
    assert_eq!(flood(server.address, WARM_UP, CLIENTS, 16).await, CLIENTS);
    let after = server.resident();
    let metrics = Connection::new(server.address).await.ask("/metrics").await;
    let admitted = metrics.sample("limiter_requests_total{rule=\"client\",outcome=\"admitted\"}");
    assert_eq!(admitted, f64::from(WARM_UP + CLIENTS));
    let keys = metrics.sample("limiter_keys{rule=\"client\"}");
    let reclaimed = metrics.sample("limiter_keys_reclaimed_total{rule=\"client\"}");
    assert_eq!(keys + reclaimed, admitted);
    eprintln!("{before} KiB, and {after} KiB after {CLIENTS} more clients, of which {keys} are held");
    assert!(after < before + ROOM, "{before} KiB before, {after} KiB after");
}
