//! A disk that can be made small or read-only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// Bytes that a tmpfs counts in.
const PAGE: u64 = 4096;
/// Bytes that `ulimit -f` counts in, of the POSIX shell.
const BLOCK: u64 = 512;
/// A disk that nothing here fills.
const AMPLE: u64 = 256 << 20;

/// Disk that outputs are written to.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    mounted: bool,
}

/// Room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// More than enough.
    Ample,
    /// So many bytes beyond what is there.
    Bytes(u64),
    /// None, and nothing can be changed.
    ReadOnly,
}

impl Disk {
    /// A disk at `path`: a tmpfs where one can be mounted, else a folder.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path)?;
        let mounted = mount(path, &format!("size={AMPLE}")).is_ok();
        if mounted {
            unmount(path)?;
        }
        Ok(Self { path: path.to_path_buf(), mounted })
    }

    pub(super) fn is_mounted(&self) -> bool {
        self.mounted
    }

    pub(super) fn about(&self) -> &'static str {
        if self.mounted { "a small tmpfs" } else { "a folder with a limit on the length of files" }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the system's message for a full disk.
    pub(super) fn full(&self) -> &'static str {
        if self.mounted { "No space left" } else { "File too large" }
    }

    /// Runs `work` on an empty disk, filled by `prepare`, with so much `room` left.
    pub(super) fn with<T>(
        &self,
        room: Room,
        prepare: impl FnOnce(&Path) -> anyhow::Result<()>,
        work: impl FnOnce(&Path) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if !self.mounted {
            let inner = self.path.join("out");
            fs::create_dir_all(&inner)?;
            let result = prepare(&inner).and_then(|()| work(&inner));
            fs::remove_dir_all(&inner)?;
            return result;
        }
        mount(&self.path, &format!("size={AMPLE}"))?;
        let result = prepare(&self.path).and_then(|()| {
            match room {
                Room::Ample => {}
                Room::Bytes(bytes) => {
                    // A size of 0 would be no limit.
                    let size = (used(&self.path)? + bytes.next_multiple_of(PAGE)).max(PAGE);
                    mount(&self.path, &format!("remount,size={size}"))?;
                }
                Room::ReadOnly => mount(&self.path, "remount,ro")?,
            }
            work(&self.path)
        });
        unmount(&self.path)?;
        result
    }

    /// The command as it is to be run: with a limit on files where the disk has none.
    pub(super) fn limited(&self, command: Command, room: Room) -> Command {
        let Room::Bytes(bytes) = room else { return command };
        if self.mounted {
            return command;
        }
        let mut limited = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes.div_ceil(BLOCK));
        limited.args(["-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                limited.env(name, value);
            }
        }
        limited
    }
}

/// Bytes that a tmpfs needs for what is in `folder`.
pub(super) fn used(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            used(&entry.path())?
        } else {
            metadata.len().next_multiple_of(PAGE)
        };
    }
    Ok(bytes)
}

fn mount(path: &Path, options: &str) -> anyhow::Result<()> {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(status.context("cannot start mount")?.success(), "cannot mount a tmpfs");
    Ok(())
}

fn unmount(path: &Path) -> anyhow::Result<()> {
    let status = Command::new("umount").arg(path).status().context("cannot start umount")?;
    ensure!(status.success(), "cannot unmount {}", path.display());
    Ok(())
}
