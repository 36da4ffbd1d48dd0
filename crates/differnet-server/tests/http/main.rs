//! The server as clients see it: bytes in over a socket, status, headers and JSON out.

#![allow(clippy::unwrap_used)]

mod application;
mod bad_requests;
mod client;
mod describing;
mod fake;
mod faults;
mod letting_in;
mod overload;
mod pictures;
mod reloading;
mod scores;
mod stopping;
mod tls;
