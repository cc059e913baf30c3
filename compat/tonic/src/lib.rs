//! The middleware behind a real tonic server. All of it is in the tests.
