//! What a replay found out, and how it is printed.

use std::io::{self, Write};

/// The figures of a replay.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Requests in the log.
    pub(crate) requests: u64,
    /// Clients in the log.
    pub(crate) keys: usize,
    /// Requests that the limit lets pass.
    pub(crate) allowed: u64,
    /// Requests that it turns away.
    pub(crate) denied: u64,
    /// The largest number of buckets that existed at one time.
    pub(crate) peak_buckets: usize,
    /// From the first to the last request, in seconds.
    pub(crate) seconds: u64,
    /// Each request in order of time: when, in seconds since 1970, and whether it was allowed. For the chart.
    pub(crate) timeline: Vec<(i64, bool)>,
    /// The most denied clients, most denied first.
    pub(crate) most_denied: Vec<Client>,
}

/// The figures of one client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Its address or host name.
    pub(crate) name: String,
    /// Its requests.
    pub(crate) requests: u64,
    /// Those that were turned away.
    pub(crate) denied: u64,
}

impl Report {
    /// Prints one JSON object.
    pub(crate) fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        let Report { requests, keys, allowed, denied, peak_buckets, .. } = self;
        writeln!(
            out,
            r#"{{"requests":{requests},"keys":{keys},"allowed":{allowed},"denied":{denied},"peak_buckets":{peak_buckets}}}"#
        )
    }

    /// Prints tables for people.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let (days, hours, minutes) =
            (self.seconds / 86_400, self.seconds / 3600 % 24, self.seconds / 60 % 60);
        writeln!(out, "{:<14}{:>9}", "requests", self.requests)?;
        writeln!(out, "{:<14}{days:>8}d {hours:02}h {minutes:02}m {:02}s", "within", self.seconds % 60)?;
        writeln!(out, "{:<14}{:>9}   client addresses", "keys", self.keys)?;
        writeln!(out, "{:<14}{:>9}   {}", "allowed", self.allowed, percent(self.allowed, self.requests))?;
        writeln!(out, "{:<14}{:>9}   {}", "denied", self.denied, percent(self.denied, self.requests))?;
        writeln!(out, "{:<14}{:>9}   alive at once, at most", "buckets", self.peak_buckets)?;
        if self.most_denied.is_empty() {
            return Ok(());
        }
        let width = self.most_denied.iter().map(|client| client.name.len()).max().unwrap_or(0).max(11);
        writeln!(out, "\n{:<width$}{:>9}{:>10}{:>9}", "most denied", "denied", "requests", "share")?;
        for Client { name, requests, denied } in &self.most_denied {
            writeln!(out, "{name:<width$}{denied:>9}{requests:>10}{:>9}", percent(*denied, *requests))?;
        }
        Ok(())
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1}%", 100.0 * part as f64 / whole.max(1) as f64)
}
