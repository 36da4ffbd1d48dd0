//! `differnet sample`: writes the generated data set.

use std::path::PathBuf;

use differnet_samples::{SampleConfig, write_sample_dataset};
use serde_json::json;

use crate::exit::Exit;
use crate::numbers::seed;
use crate::output::{print, print_json, shell_word};

/// Write a small generated data set: two textures and an object, with defects and masks.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  differnet sample --out sample
  differnet train --data sample --category fabric --out fabric.differnet

--json prints one object: {\"out\", \"seed\", \"categories\"}, the last a list of names.")]
pub(crate) struct SampleArgs {
    /// Folder to write to; each category becomes a folder in it, in the layout of MVTec AD.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Decides every pixel.
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &SampleArgs) -> anyhow::Result<Exit> {
    let config = SampleConfig { seed: args.seed, ..SampleConfig::default() };
    let categories = write_sample_dataset(&args.out, &config)?;
    if args.json {
        print_json(
            &json!({ "out": args.out.to_string_lossy(), "seed": args.seed, "categories": categories }),
        )?;
    } else {
        print(&format!(
            "Wrote {} to {} (seed {})",
            categories.join(", "),
            args.out.display(),
            args.seed
        ))?;
        let (out, category) = (shell_word(&args.out), &categories[0]);
        print(&format!(
            "Next: differnet train --data {out} --category {category} --out {category}.differnet"
        ))?;
    }
    Ok(Exit::Done)
}
