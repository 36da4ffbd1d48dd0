//! One file a subcommand.

pub(crate) mod cache;
pub(crate) mod calibrate;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod devices;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod inspect;
pub(crate) mod localize;
pub(crate) mod merge;
pub(crate) mod report;
pub(crate) mod sample;
pub(crate) mod score;
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod update;
pub(crate) mod verify;
pub(crate) mod watch;
