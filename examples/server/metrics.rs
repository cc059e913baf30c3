//! What Prometheus is told, in its text format: from the counters that rules keep, and by looking at the limiters.

use std::fmt::Write;

use axum::http::header::{CONTENT_TYPE, HeaderName};
use lazy_limiter::tower::Rule;

use crate::app::Limits;

pub(crate) fn response(limits: &Limits, rules: &[Rule]) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text(limits, rules))
}

fn text(limits: &Limits, rules: &[Rule]) -> String {
    let mut text = String::new();

    head(&mut text, "limiter_requests_total", "counter", "Requests by rule and outcome.");
    for rule in rules {
        let (name, counts) = (rule.name(), rule.counts());
        for (outcome, count) in [("admitted", counts.admitted), ("refused", counts.refused)] {
            sample(&mut text, "limiter_requests_total", &[("rule", name), ("outcome", outcome)], count);
        }
    }

    let (keys, client) = (limits.clients.stats(), [("rule", "client")]);
    head(&mut text, "limiter_keys", "gauge", "Keys that have a bucket.");
    sample(&mut text, "limiter_keys", &client, keys.len);
    head(&mut text, "limiter_keys_reclaimed_total", "counter", "Keys that were dropped, being idle.");
    sample(&mut text, "limiter_keys_reclaimed_total", &client, keys.reclaimed);
    head(&mut text, "limiter_key_bytes", "gauge", "Memory for the keys that have a bucket, about.");
    sample(&mut text, "limiter_key_bytes", &client, keys.bytes);

    let single = [("everyone", &limits.everyone), ("slow", &limits.slow), ("jobs", &limits.jobs)];
    head(&mut text, "limiter_available", "gauge", "Tokens that could be taken now.");
    for (name, limiter) in single {
        sample(&mut text, "limiter_available", &[("limiter", name)], limiter.available());
    }
    head(&mut text, "limiter_waiting", "gauge", "Tasks and threads that wait in line.");
    for (name, limiter) in single {
        sample(&mut text, "limiter_waiting", &[("limiter", name)], limiter.waiting());
    }
    text
}

// Writing to a string does not fail.

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// The values of labels are names of our own, which need no escapes.
fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    let _ = writeln!(text, "{name}{{{}}} {value}", labels.join(","));
}
