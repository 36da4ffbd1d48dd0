//! Two models that take turns in one place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use differnet_data::find_images;
use tempfile::TempDir;

use crate::crash_test::rewriting::CALIBRATE;

/// A model and its copy with another threshold.
pub(super) struct Reloading {
    folder: TempDir,
    /// The file that the server has.
    pub(super) served: PathBuf,
    /// The copy.
    pub(super) other: PathBuf,
    model: PathBuf,
    /// Replacements of the file so far.
    pub(super) replaced: u64,
}

impl Reloading {
    /// The copy's threshold lets more of the `images` pass.
    pub(super) fn new(program: &Path, model: &Path, images: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let name = |name: &str| folder.path().join(name);
        let (served, other) = (name("served.differnet"), name("other.differnet"));
        for copy in [&served, &other] {
            fs::copy(model, copy).with_context(|| format!("cannot copy {}", model.display()))?;
        }
        // In one folder: what their own are called is no matter here.
        let good = name("images");
        fs::create_dir(&good)?;
        for (number, image) in find_images(images)?.iter().enumerate() {
            let extension = image.extension().unwrap_or_default();
            fs::copy(image, good.join(number.to_string()).with_extension(extension))?;
        }
        let mut calibrate = CALIBRATE.with_good(program, &other, &good);
        let calibrated = calibrate.stdout(Stdio::null()).status()?;
        ensure!(calibrated.success(), "the images set no other threshold");
        Ok(Self { folder, served, other, model: model.to_path_buf(), replaced: 0 })
    }

    /// Puts the model that is not there in its place.
    pub(super) fn replace(&mut self) -> anyhow::Result<()> {
        let next = if self.replaced.is_multiple_of(2) { &self.other } else { &self.model };
        let partial = self.folder.path().join("next");
        fs::copy(next, &partial)?;
        fs::rename(&partial, &self.served)?;
        self.replaced += 1;
        Ok(())
    }
}
