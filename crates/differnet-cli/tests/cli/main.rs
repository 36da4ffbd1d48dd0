//! The command as a user runs it: arguments in, files, text and exit codes out.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod calibrate;
mod camera_files;
mod checking;
mod drifting;
mod end_to_end;
mod exporting;
mod fixture;
mod folders;
mod input_guard;
mod interrupts;
mod jpeg;
mod json;
mod loaded_networks;
mod maps;
mod methods;
mod places;
mod regions;
mod reports;
#[cfg(unix)]
mod serving;
mod shards;
mod tables;
mod verify;
#[cfg(unix)]
mod watching;
