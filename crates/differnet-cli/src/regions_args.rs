//! Regions of the images that count.

use std::path::PathBuf;

use anyhow::Context;
use differnet_data::{Area, DecodeLimits, Regions, RegionsError};

use crate::output::shell_word;

/// Regions of the images that count.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Regions (stored in the model: it sees every image in this way)")]
pub(crate) struct RegionsArgs {
    /// Keep only what is inside: a mask image, white inside, or polygons in a file FILE.toml.
    #[arg(long, value_name = "FILE")]
    roi: Option<PathBuf>,
    /// Ignore what is inside: a file as for --roi.
    #[arg(long, value_name = "FILE")]
    ignore: Option<PathBuf>,
}

impl RegionsArgs {
    /// The regions; `None` if none are given and all of an image counts.
    pub(crate) fn load(&self) -> anyhow::Result<Option<Regions>> {
        let given: Vec<String> = [("--roi", &self.roi), ("--ignore", &self.ignore)]
            .into_iter()
            .filter_map(|(flag, file)| Some(format!("{flag} {}", shell_word(file.as_ref()?))))
            .collect();
        if given.is_empty() {
            return Ok(None);
        }
        let limits = DecodeLimits::default();
        let area = |file: &Option<PathBuf>| -> Result<Option<Area>, RegionsError> {
            file.as_ref().map(|path| Area::load(path, &limits)).transpose()
        };
        let regions = Regions::new(area(&self.roi)?, area(&self.ignore)?)
            .with_context(|| format!("cannot use {}", given.join(" with ")))?;
        Ok(Some(regions))
    }
}
