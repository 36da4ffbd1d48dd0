//! `cargo xtask test`: every test of every crate, examples in the documentation included.

use std::process::ExitCode;

use xshell::{Shell, cmd};
use xtask_support::workspace;

/// Kinds of devices: features of the crate `differnet`.
const DEVICES: [&str; 3] = ["flex", "wgpu", "cuda"];

/// Run every test of every crate, documentation examples included.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test
  cargo xtask test adam            # tests whose name contains `adam`
  cargo xtask test -- --nocapture
  cargo xtask test --device wgpu   # that this device computes what the processor does")]
pub(crate) struct TestArgs {
    /// Only tests whose name contains this text.
    filter: Option<String>,
    /// The tests that compare devices, with this one built in; it has to exist.
    #[arg(long, value_name = "DEVICE", value_parser = DEVICES, conflicts_with = "filter")]
    device: Option<String>,
    /// Passed to every test program.
    #[arg(last = true)]
    options: Vec<String>,
}

pub(crate) fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let TestArgs { filter, device, options } = args;
    let shell = workspace::shell()?;
    let mut test = cmd!(shell, "cargo test --workspace --release {filter...}");
    if let Some(device) = device {
        let feature = format!("differnet/{device}");
        test = test.args(["--test", "devices", "--features", &feature]);
    }
    test.arg("--").args(options).run_echo()?;
    Ok(ExitCode::SUCCESS)
}

/// The run without arguments, for other commands.
pub(crate) fn all(shell: &Shell) -> anyhow::Result<()> {
    cmd!(shell, "cargo test --workspace --release").run_echo()?;
    Ok(())
}
