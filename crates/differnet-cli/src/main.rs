//! The command `differnet`: trains a detector on photographs of good parts and finds defects.
//!
//! A subcommand resolves its arguments, calls the libraries and prints. Results go to the standard
//! output, everything else to the standard error.

mod archive;
mod atomic;
mod backbone_arg;
mod cache_args;
mod cli;
mod commands;
mod config_args;
mod data_args;
mod device;
mod drift_args;
mod evaluation;
mod exit;
mod folder_table;
mod inputs;
mod interrupt;
mod map_args;
mod map_files;
mod method_args;
mod network_args;
mod new_images;
mod numbers;
mod output;
mod output_file;
mod outputs;
mod panic;
mod place_rows;
mod prediction_line;
mod preset_arg;
mod progress;
mod regions_args;
mod report;
mod score_args;
mod source_args;
mod table;
mod tally;
mod unread;
mod watch;
mod weights_args;

use std::process::ExitCode;

fn main() -> ExitCode {
    panic::keep_message();
    let cli = cli::Cli::of_process();
    match panic::guard(|| cli.run()) {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error).into(),
    }
}
