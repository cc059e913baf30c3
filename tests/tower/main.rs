//! The middleware: what it lets through, what it answers otherwise, and what becomes of the tokens.

mod admission;
mod axum_router;
mod bodies;
mod grpc;
mod headers;
mod hyper_server;
mod readiness;
mod refusals;
mod rules;
mod shadow;
mod sharing;
mod spoofing;
mod support;
mod throttle;
