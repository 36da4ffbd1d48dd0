//! Archives of images, scored in shards: a list of files, its shards, their parts.

mod manifest;
mod part;
mod shard;

pub(crate) use manifest::Manifest;
pub(crate) use part::{Job, Part, PartHeader, Settings, parts_in};
pub(crate) use shard::{Shard, ShardArgs};
