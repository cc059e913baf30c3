//! Memory stays flat, however many clients come.

use std::time::Duration;

use super::client::{Connection, flood};
use super::process::Server;

/// So many clients come at a time, and are gone before the next come: those of the first time fill pools and buffers.
const CROWD: u32 = 40_000;
const CROWDS: u32 = 5;

/// What those who come later may leave behind, in KiB: a fraction of what as many keys take.
const ROOM: u64 = 8 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_are_gone_leave_nothing() {
    // A client's bucket is full again at once, and is dropped a second later.
    let limits = ["--trust", "127.0.0.0/8", "--client", "5,100000/s", "--everyone", "1000000000,1000000/s"];
    let server = Server::start(&limits);
    let come = async |crowd| assert_eq!(flood(server.address, crowd * CROWD, CROWD, 16).await, CROWD);
    come(0).await;
    let before = server.resident();
    for crowd in 1..=CROWDS {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        come(crowd).await;
    }
    let after = server.resident();
    let metrics = Connection::new(server.address).await.ask("/metrics").await;
    let admitted = metrics.sample("limiter_requests_total{rule=\"client\",outcome=\"admitted\"}");
    assert_eq!(admitted, f64::from((1 + CROWDS) * CROWD));
    let keys = metrics.sample("limiter_keys{rule=\"client\"}");
    let reclaimed = metrics.sample("limiter_keys_reclaimed_total{rule=\"client\"}");
    assert_eq!(keys + reclaimed, admitted);
    eprintln!(
        "{before} KiB, and {after} KiB after {} more clients, of which {keys} are held",
        CROWDS * CROWD
    );
    assert!(after < before + ROOM, "{before} KiB before, {after} KiB after");
}
