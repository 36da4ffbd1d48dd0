//! Arguments of Magnetic Tile Defects.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::RunArgs;
use super::data::{self, DataPart};
use super::mvtec::{Found, MvtecArgs};
use xtask_support::UsageError;

/// Manifest of the data set.
const MANIFEST: &str = include_str!("../../../../datasets/mtd.toml");

/// Arguments of Magnetic Tile Defects.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct MtdArgs {
    /// Folder of Magnetic Tile Defects.
    #[arg(long, value_name = "MTD_DIR", conflicts_with = "sample")]
    root: Option<PathBuf>,
    /// Text file with the names of the training images, one a line; without it each seed draws 80 %
    /// of the good ones.
    #[arg(long, value_name = "FILE", requires = "root")]
    mtd_train_list: Option<PathBuf>,
}

impl MtdArgs {
    /// The data set; a category of the sample, written below `out`, if `run` asks for the sample.
    ///
    /// # Errors
    /// [`UsageError`] without a folder, with where the data set comes from.
    pub(super) fn find(&self, run: &RunArgs, out: &Path) -> anyhow::Result<DataPart> {
        if run.sample {
            let parts = data::sample(out)?;
            return parts.into_iter().next().context("the sample has categories");
        }
        match &self.root {
            Some(root) => Ok(DataPart::mtd(root, self.mtd_train_list.as_ref())),
            None => Err(UsageError(where_from()?).into()),
        }
    }

    /// As one would type them.
    pub(super) fn typed(&self) -> String {
        let root = if self.root.is_some() { " --root MTD_DIR" } else { "" };
        let list = if self.mtd_train_list.is_some() { " --mtd-train-list FILE" } else { "" };
        format!("{root}{list}")
    }

    /// Split of the good images, for the notes.
    pub(super) fn split(&self) -> &'static str {
        match self.mtd_train_list {
            Some(_) => "Training images are those of the list, the same for every seed.",
            None => "Each seed draws 80 % of the good images to train on; the rest is tested with.",
        }
    }
}

/// Arguments of MVTec AD, Magnetic Tile Defects, or both.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct BothArgs {
    #[command(flatten)]
    mvtec: MvtecArgs,
    /// Folder of Magnetic Tile Defects; alone or beside --root.
    #[arg(long, value_name = "MTD_DIR", conflicts_with = "sample")]
    mtd_root: Option<PathBuf>,
    /// Text file with the names of MTD's training images; without it each seed draws 80 %.
    #[arg(long, value_name = "FILE", requires = "mtd_root")]
    mtd_train_list: Option<PathBuf>,
}

impl BothArgs {
    /// The tiles, then the categories; the sample's, written below `out`, if `run` asks for the sample.
    ///
    /// # Errors
    /// [`UsageError`] without a folder, with where the data sets come from; as [`MvtecArgs::find`].
    pub(super) fn find(&self, run: &RunArgs, out: &Path) -> anyhow::Result<Found> {
        let mut found = match run.sample || self.mvtec.is_given() {
            true => self.mvtec.find(run, out)?,
            false => Found { parts: Vec::new(), missing: Vec::new() },
        };
        if let Some(root) = &self.mtd_root {
            found.parts.insert(0, DataPart::mtd(root, self.mtd_train_list.as_ref()));
        }
        if found.parts.is_empty() {
            let message = format!(
                "name MVTec AD with --root MVTEC_DIR, Magnetic Tile Defects with --mtd-root MTD_DIR, or \
                 both. {}",
                where_from()?
            );
            return Err(UsageError(message).into());
        }
        Ok(found)
    }

    /// Name of the data in titles.
    pub(super) fn name(&self) -> &'static str {
        match (self.mvtec.is_given(), self.mtd_root.is_some()) {
            (true, true) => "MVTec AD and Magnetic Tile Defects",
            (false, true) => "Magnetic Tile Defects",
            (_, false) => "MVTec AD",
        }
    }

    /// As one would type them.
    pub(super) fn typed(&self) -> String {
        let root = if self.mtd_root.is_some() { " --mtd-root MTD_DIR" } else { "" };
        let list = if self.mtd_train_list.is_some() { " --mtd-train-list FILE" } else { "" };
        format!("{}{root}{list}", self.mvtec.typed())
    }
}

/// Origin and layout of the data set.
pub(super) fn where_from() -> anyhow::Result<String> {
    let manifest: toml::Table = MANIFEST.parse().context("datasets/mtd.toml is no TOML")?;
    let text = |name: &str| manifest.get(name).and_then(toml::Value::as_str).unwrap_or("unknown");
    Ok(format!(
        "Magnetic Tile Defects are not part of this repository: get them from {} (see \
         datasets/mtd.toml) and name their folder MTD_DIR. It is laid out as\n  \
         MTD_DIR/MT_Free/Imgs/exp1_num_1.jpg\n  \
         MTD_DIR/MT_Crack/Imgs/exp1_num_2.jpg with the mask exp1_num_2.png beside it\n\
         and so on for the other classes. --sample measures on generated images instead.",
        text("obtain_from")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_source_and_layout() -> anyhow::Result<()> {
        let text = where_from()?;
        for word in ["github.com", "MT_Free/Imgs", "--sample"] {
            assert!(text.contains(word), "{word}");
        }
        Ok(())
    }
}
