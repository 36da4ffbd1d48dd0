//! `differnet devices`: what can compute.

use differnet::DeviceChoice;
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{print, print_json};

/// List the devices that models can run on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet devices
  differnet devices --json

The first device of a kind is the one that --device KIND takes. --json prints one object a kind:
{\"device\", \"built\": whether this program can use it, \"found\": the names of those in this machine}.")]
pub(crate) struct DevicesArgs {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Output of `--json`.
#[derive(Debug, Serialize)]
struct Kind {
    device: DeviceChoice,
    built: bool,
    found: Vec<String>,
}

pub(crate) fn run(args: &DevicesArgs) -> anyhow::Result<Exit> {
    for device in DeviceChoice::ALL {
        let (built, found) = (device.is_built(), device.found());
        if args.json {
            print_json(&Kind { device, built, found })?;
            continue;
        }
        let name = device.name();
        if !built {
            print(&format!("{name:<6} not in this program: build it with --features {name}"))?;
        } else if found.is_empty() {
            print(&format!("{name:<6} none in this machine, or no driver"))?;
        }
        for found in found {
            print(&format!("{name:<6} {found}"))?;
        }
    }
    Ok(Exit::Done)
}
