//! Waiting, in tasks and in threads; and the end.

use std::time::{Duration, Instant};

use super::client::Connection;
use super::process::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_slow_makes_wait() {
    let server = Server::start(&["--slow", "1,20/s", "--client", "100,1/h"]);
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..11 {
        let mut connection = Connection::new(server.address).await;
        tasks.push(tokio::spawn(async move { connection.ask("/slow").await }));
    }
    for task in tasks {
        let answer = task.await.expect("no panic");
        assert_eq!((answer.status(), answer.body()), (200, "that took a while\n"));
    }
    // Ten of them, twenty a second; two clocks may differ a little.
    assert!(start.elapsed() >= Duration::from_millis(495), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_would_wait_for_too_long_is_told_so() {
    let server = Server::start(&["--slow", "1,1/h", "--client", "100,1/h"]);
    let mut connection = Connection::new(server.address).await;
    assert_eq!(connection.ask("/slow").await.status(), 200);
    for _ in 0..10 {
        let answer = connection.ask("/slow").await;
        assert_eq!(answer.status(), 429);
        assert!((3000..=3600).contains(&answer.field("retry-after").parse::<u64>().expect("a number")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_work_off_jobs_at_their_own_limit() {
    let server = Server::start(&["--jobs", "5,100/s", "--workers", "3", "--client", "100,1/h"]);
    let start = Instant::now();
    let mut tasks = Vec::new();
    for n in 1..=40 {
        let mut connection = Connection::new(server.address).await;
        tasks.push(tokio::spawn(async move { (n, connection.ask(&format!("/job/{n}")).await) }));
    }
    for task in tasks {
        let (n, answer) = task.await.expect("no panic");
        let divisors = (1..=n).filter(|divisor| n % divisor == 0).count();
        let expected = format!("{n} has {divisors} divisors up to a million\n");
        assert_eq!((answer.status(), answer.body()), (200, &*expected));
    }
    // All but five of them, a hundred a second.
    assert!(start.elapsed() >= Duration::from_millis(345), "{:?}", start.elapsed());
    // An expensive one is billed when it is done, and no sooner is that told.
    let mut connection = Connection::new(server.address).await;
    assert_eq!(connection.ask("/job/200000").await.left("client"), 100 - 40 - 5);
    assert_eq!(connection.ask("/").await.left("client"), 100 - 40 - 5 - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_when_it_ends_is_answered() {
    let server = Server::start(&["--slow", "1,1/h", "--patience", "7200", "--client", "100,1/h"]);
    let mut connection = Connection::new(server.address).await;
    assert_eq!(connection.ask("/slow").await.status(), 200);
    let waiting = tokio::spawn(async move { connection.ask("/slow").await });
    let mut watch = Connection::new(server.address).await;
    while watch.ask("/metrics").await.sample("limiter_waiting{limiter=\"slow\"}") < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.interrupt();
    assert_eq!(waiting.await.expect("no panic").status(), 503);
    drop(watch);
    assert!(server.end().success());
}
