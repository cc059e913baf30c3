//! Who is served and who is refused, exactly: the rates are so slow that no token comes back meanwhile.

use super::client::{Answer, Connection, crowd};
use super::process::Server;

const TRUST: [&str; 2] = ["--trust", "127.0.0.0/8"];

fn is_one_to_3600(number: &str) -> bool {
    number.parse().is_ok_and(|seconds: u64| (1..=3600).contains(&seconds))
}

fn is_refused_for(answer: &Answer, rule: &str, status: u16) {
    assert_eq!(answer.status(), status);
    assert!(is_one_to_3600(answer.field("retry-after")), "{answer:?}");
    assert_eq!(answer.field("content-type"), "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["violated-policies"], serde_json::json!([rule]));
    assert_eq!(answer.left(rule), 0);
    let state = format!("\"{rule}\";r=0;t={}", answer.field("retry-after"));
    assert!(answer.field("ratelimit").contains(&state), "{answer:?}");
    assert_eq!(answer.field("x-ratelimit-remaining"), "0");
    assert!(is_one_to_3600(answer.field("x-ratelimit-reset")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_is_served_so_often_and_no_more() {
    let server = Server::start(&[&TRUST[..], &["--client", "20,1/h", "--everyone", "100000,1/h"]].concat());
    let answers = crowd(server.address, 300, 30, 16).await;
    assert_eq!(answers.len(), 300);
    for client in &answers {
        let (served, refused) = client.split_at(20);
        for (n, answer) in served.iter().enumerate() {
            assert_eq!((answer.status(), answer.body()), (200, "hello\n"));
            assert_eq!(answer.left("client"), 19 - n as u64);
            assert_eq!(answer.field("ratelimit-policy"), "\"client\";q=20, \"everyone\";q=100000");
            assert_eq!((answer.field("retry-after"), answer.field("x-ratelimit-limit")), ("", "20"));
            assert_eq!(answer.field("x-ratelimit-remaining"), (19 - n).to_string());
        }
        refused.iter().for_each(|answer| is_refused_for(answer, "client", 429));
    }
    let metrics = Connection::new(server.address).await.ask("/metrics").await;
    assert_eq!((metrics.status(), metrics.field("content-type")), (200, "text/plain; version=0.0.4"));
    let requests = |rule, outcome| {
        metrics.sample(&format!("limiter_requests_total{{rule=\"{rule}\",outcome=\"{outcome}\"}}"))
    };
    assert_eq!((requests("client", "admitted"), requests("client", "refused")), (6000.0, 3000.0));
    assert_eq!((requests("everyone", "admitted"), requests("everyone", "refused")), (6000.0, 0.0));
    assert_eq!(metrics.sample("limiter_keys{rule=\"client\"}"), 300.0);
    assert_eq!(metrics.sample("limiter_available{limiter=\"everyone\"}").floor(), 94_000.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_clients_together_are_served_so_often_and_no_more() {
    let server = Server::start(&[&TRUST[..], &["--client", "20,1/h", "--everyone", "1000,1/h"]].concat());
    let answers = crowd(server.address, 100, 15, 16).await;
    let (mut served, mut spent) = (0, 0);
    for client in &answers {
        for answer in client {
            match answer.status() {
                200 => served += 1,
                _ => is_refused_for(answer, "everyone", 503),
            }
        }
        spent += 20 - client.last().expect("fifteen answers").left("client");
    }
    // What clients gave for requests that all together were too many, they were given back.
    assert_eq!((served, spent), (1000, 1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_nobody_trusts_speaks_for_himself() {
    let server = Server::start(&["--client", "20,1/h"]);
    let answers = crowd(server.address, 60, 1, 4).await;
    let served = answers.iter().filter(|client| client[0].status() == 200).count();
    assert_eq!(served, 20);
}
