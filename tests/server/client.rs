//! A client of a few connections, which are kept open.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One connection.
pub(super) struct Connection(SendRequest<Empty<Bytes>>);

impl Connection {
    pub(super) async fn new(server: SocketAddr) -> Connection {
        let stream = TcpStream::connect(server).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a handshake");
        tokio::spawn(connection);
        Connection(sender)
    }

    /// Asks in the name of `client`, by way of a proxy.
    pub(super) async fn ask_for(&mut self, client: &str, path: &str) -> Answer {
        self.send(Request::get(path).header("x-forwarded-for", client)).await
    }

    /// Asks in its own name.
    pub(super) async fn ask(&mut self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    async fn send(&mut self, request: http::request::Builder) -> Answer {
        let request = request.header("host", "localhost").body(Empty::new()).expect("a request");
        self.0.ready().await.expect("the connection is open");
        let response = self.0.send_request(request).await.expect("a response");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer(Response::from_parts(parts, body))
    }
}

/// A response.
#[derive(Debug)]
pub(super) struct Answer(Response<Bytes>);

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.0.headers().get(name).map_or("", |value| value.to_str().expect("a text"))
    }

    pub(super) fn body(&self) -> &str {
        std::str::from_utf8(self.0.body()).expect("a text")
    }

    /// What is left by `rule`, as `RateLimit` tells it.
    pub(super) fn left(&self, rule: &str) -> u64 {
        let item = format!("\"{rule}\";r=");
        let (_, rest) =
            self.field("ratelimit").split_once(&item).unwrap_or_else(|| panic!("no {item}: {self:?}"));
        rest.split([';', ',']).next().and_then(|number| number.parse().ok()).expect("a number")
    }

    /// A sample of `/metrics`.
    pub(super) fn sample(&self, name: &str) -> f64 {
        let line = self.body().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {}", self.body())).parse().expect("a number")
    }
}

/// The client of this number.
pub(super) fn name(n: u32) -> String {
    std::net::Ipv4Addr::from(0x0b00_0000 + n).to_string()
}

/// Each of `clients` asks `each` times, one time after the other, over `connections` connections at once. The answers
/// to each client, in order.
pub(super) async fn crowd(
    server: SocketAddr,
    clients: u32,
    each: usize,
    connections: u32,
) -> Vec<Vec<Answer>> {
    let mut tasks = Vec::new();
    for connection in 0..connections {
        tasks.push(tokio::spawn(async move {
            let mut stream = Connection::new(server).await;
            let mine: Vec<u32> = (connection..clients).step_by(connections as usize).collect();
            let mut answers: Vec<_> = mine.iter().map(|_| Vec::with_capacity(each)).collect();
            // All of them once, then all of them again.
            for _ in 0..each {
                for (client, answers) in mine.iter().zip(&mut answers) {
                    answers.push(stream.ask_for(&name(*client), "/").await);
                }
            }
            answers
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("no panic"));
    }
    all
}

/// Each of the `clients` from `first` on asks once, over `connections` connections at once. How many were served.
#[cfg(target_os = "linux")]
pub(super) async fn flood(server: SocketAddr, first: u32, clients: u32, connections: u32) -> u32 {
    let mut tasks = Vec::new();
    for connection in 0..connections {
        tasks.push(tokio::spawn(async move {
            let mut stream = Connection::new(server).await;
            let mut served = 0;
            for client in (first + connection..first + clients).step_by(connections as usize) {
                served += u32::from(stream.ask_for(&name(client), "/").await.status() == 200);
            }
            served
        }));
    }
    let mut served = 0;
    for task in tasks {
        served += task.await.expect("no panic");
    }
    served
}
