//! Environment of a measurement: program, compiler, processor, system.

use differnet::DeviceChoice;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The workspace's manifest, which names the version of Burn.
const MANIFEST: &str = include_str!("../../../../Cargo.toml");
/// Value where the system says nothing.
const UNKNOWN: &str = "unknown";

/// A machine that computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) cpu: String,
    /// Cores that the program may use.
    pub(crate) cores: usize,
    /// The widest vector instructions that the program uses; they decide how sums are rounded.
    pub(crate) vector_instructions: String,
    /// The operating system.
    pub(crate) os: String,
}

/// Environment of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// Commit of the working tree, `unknown` outside of one.
    pub(crate) commit: String,
    /// Whether tracked files differed from that commit.
    pub(crate) dirty: bool,
    /// Output of `rustc --version`.
    pub(crate) rustc: String,
    /// The machine.
    #[serde(flatten)]
    pub(crate) machine: Machine,
    /// Device that computed.
    pub(crate) device: DeviceChoice,
    /// Version of DifferNet.
    pub(crate) differnet: String,
    /// Version of Burn.
    pub(crate) burn: String,
}

impl Environment {
    /// This process's environment; `workspace` is the folder whose commit counts.
    pub(crate) fn here(workspace: &Path, device: DeviceChoice) -> Self {
        let git = |arguments: &[&str]| {
            output(Command::new("git").arg("-C").arg(workspace).args(arguments))
        };
        let changes = git(&["status", "--porcelain", "--untracked-files=no"]);
        Self {
            commit: git(&["rev-parse", "HEAD"]).unwrap_or_else(|| UNKNOWN.to_owned()),
            dirty: changes.is_some_and(|changes| !changes.is_empty()),
            rustc: output(Command::new("rustc").arg("--version").current_dir(workspace))
                .unwrap_or_else(|| UNKNOWN.to_owned()),
            machine: Machine::here(),
            device,
            differnet: env!("CARGO_PKG_VERSION").to_owned(),
            burn: burn_version(),
        }
    }

    /// The commit's first digits, and whether there were changes.
    pub(crate) fn short_commit(&self) -> String {
        let short = &self.commit[..self.commit.len().min(10)];
        if self.dirty { format!("{short} with changes") } else { short.to_owned() }
    }

    /// Commit and processor.
    pub(crate) fn build(&self) -> String {
        format!("commit {} on {}", self.short_commit(), self.machine.cpu)
    }

    /// Processor, system and commit in one line.
    pub(crate) fn machine_and_commit(&self) -> String {
        let Machine { cpu, cores, vector_instructions, os } = &self.machine;
        format!(
            "{cpu} with {cores} cores ({vector_instructions}), {os}; commit {}",
            self.short_commit()
        )
    }

    /// Names and values, for people.
    pub(crate) fn rows(&self) -> Vec<[String; 2]> {
        let row = |name: &str, value: String| [name.to_owned(), value];
        let Machine { cpu, cores, vector_instructions, os } = &self.machine;
        vec![
            row("Commit", self.short_commit()),
            row("Device", self.device.to_string()),
            row("Processor", format!("{cpu}, {cores} cores")),
            row("Vector instructions", vector_instructions.clone()),
            row("System", os.clone()),
            row("Compiler", self.rustc.clone()),
            row("Versions", format!("differnet {}, burn {}", self.differnet, self.burn)),
        ]
    }
}

impl Machine {
    /// The machine of this process.
    pub(crate) fn here() -> Self {
        Self {
            cpu: field("/proc/cpuinfo", "model name", ':').unwrap_or_else(|| UNKNOWN.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            vector_instructions: vector_instructions().to_owned(),
            os: operating_system(),
        }
    }
}

/// Output of a command, if it can be run and succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The value of the first line that begins with `name` in a file of names and values.
fn field(file: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(separator)?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn operating_system() -> String {
    let name = field("/etc/os-release", "PRETTY_NAME", '=');
    let name = name.unwrap_or_else(|| std::env::consts::OS.to_owned());
    format!("{name}, {}", std::env::consts::ARCH)
}

#[cfg(target_arch = "x86_64")]
fn vector_instructions() -> &'static str {
    if is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") {
        "AVX2"
    } else {
        "SSE2"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_instructions() -> &'static str {
    UNKNOWN
}

fn burn_version() -> String {
    let manifest: Option<toml::Table> = MANIFEST.parse().ok();
    let version = manifest.as_ref().and_then(|manifest| {
        manifest.get("workspace")?.get("dependencies")?.get("burn")?.get("version")?.as_str()
    });
    version.unwrap_or(UNKNOWN).trim_start_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_burn_is_read_from_the_manifest() {
        let version = burn_version();
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    }

    #[test]
    fn outside_of_a_working_tree_the_commit_is_unknown() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let environment = Environment::here(folder.path(), DeviceChoice::Flex);
        assert_eq!(environment.commit, UNKNOWN);
        assert_eq!(environment.short_commit(), UNKNOWN);
        assert!(environment.machine.cores > 0);
        Ok(())
    }
}
