//! Archive of test images, for the commands that score and merge its shards.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::crash_test::{Killed, Setup};

/// Times that a manifest names each image: a table of them fills several pages of a disk.
const REPEATED: usize = 4;

/// Manifest, and parts that were scored from it.
#[derive(Debug)]
pub(super) struct Archive {
    /// A manifest of the test images, several times.
    pub(super) manifest: PathBuf,
    /// Parts of the two shards of that manifest.
    pub(super) parts: PathBuf,
}

impl Archive {
    /// Writes it beside the data.
    pub(super) fn write(setup: &Setup<'_>, killed: &Killed) -> anyhow::Result<Self> {
        let manifest = setup.folder.join("fault-files.txt");
        let parts = setup.folder.join("fault-parts");
        let images = differnet_data::find_images(&setup.data.join("hex_nut/test"))?;
        let lines: String = images.iter().map(|image| format!("{}\n", image.display())).collect();
        fs::write(&manifest, lines.repeat(REPEATED)).context("cannot write a manifest")?;
        for shard in ["0/2", "1/2"] {
            let mut command = Command::new(setup.program);
            command.args(["score", "--no-cache", "--shard", shard, "--model"]).arg(&killed.model);
            command.arg("--manifest").arg(&manifest).arg("--out").arg(&parts);
            let output = command.output().context("cannot score a shard")?;
            let words = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "shard {shard} undisturbed: {words}");
        }
        Ok(Self { manifest, parts })
    }
}
