//! Rules about the manifests.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::{Finding, arrows};

/// Crates that need unsafe code, and say so in their `lib.rs`; their lints are their own.
const UNSAFE: [&str; 1] = ["differnet-files"];

/// The part of `cargo metadata` that is looked at.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    description: Option<String>,
    license: Option<String>,
    manifest_path: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
}

/// Something that a package depends on.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev` or `build`; nothing for an ordinary one.
    pub(super) kind: Option<String>,
    /// Path, if it is a package of this workspace.
    pub(super) path: Option<PathBuf>,
}

/// Checks the root manifest, every member's, and what the members depend on of each other.
pub(super) fn check(shell: &Shell) -> anyhow::Result<Vec<Finding>> {
    let json = cmd!(shell, "cargo metadata --no-deps --format-version 1").read()?;
    let metadata: Metadata =
        serde_json::from_str(&json).context("cannot understand `cargo metadata`")?;
    let mut findings = undocumented_dependencies(&read(&shell.current_dir().join("Cargo.toml"))?);
    for package in &metadata.packages {
        let manifest = read(&package.manifest_path)?;
        findings.extend(check_package(package, &manifest));
    }
    let document = read(&shell.current_dir().join(arrows::DOCUMENT))?;
    findings.extend(arrows::check(&document, &metadata.packages));
    Ok(findings)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn check_package(package: &Package, manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let absent = |field: &Option<String>| field.as_deref().is_none_or(str::is_empty);
    if absent(&package.description) {
        findings.push(Finding::new(&package.name, "the manifest has no description"));
    }
    if absent(&package.license) {
        findings.push(Finding::new(&package.name, "the manifest has no license"));
    }
    let own = UNSAFE.contains(&package.name.as_str()) && manifest.contains("[lints.");
    if !(own || manifest.contains("[lints]\nworkspace = true")) {
        let message = "the manifest does not take the workspace's lints";
        findings.push(Finding::new(&package.name, message));
    }
    findings
}

/// Dependencies of the workspace without a comment above them in their paragraph.
fn undocumented_dependencies(manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut within = false;
    let mut documented = false;
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            within = line == "[workspace.dependencies]";
            documented = false;
        } else if line.trim().is_empty() {
            documented = false;
        } else if line.starts_with('#') {
            documented = true;
        } else if let Some((name, _)) = line.split_once('=')
            && within
            && !documented
        {
            let place = format!("Cargo.toml:{}", index + 1);
            let message = format!("`{}` needs a comment that says what it is for", name.trim());
            findings.push(Finding::new(place, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_paragraph_of_dependencies_needs_a_comment() {
        let manifest = "\
[workspace]
members = []

[workspace.dependencies]
# Numbers.
a = \"1\"
b = \"1\"

c = \"1\"

[workspace.lints.rust]
missing_docs = \"warn\"
";
        let findings = undocumented_dependencies(manifest);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "Cargo.toml:9");
        assert!(findings[0].message.contains("`c`"));
    }

    #[test]
    fn a_package_needs_description_license_and_lints() {
        let package = Package {
            name: String::from("a"),
            description: Some(String::new()),
            license: None,
            manifest_path: PathBuf::new(),
            dependencies: Vec::new(),
        };
        assert_eq!(check_package(&package, "[package]\n").len(), 3);
        let whole = Package {
            description: Some(String::from("A crate.")),
            license: Some(String::from("MIT")),
            ..package
        };
        assert!(check_package(&whole, "[lints]\nworkspace = true\n").is_empty());
        // Only a crate with unsafe code has lints of its own.
        let own = "[lints.rust]\nmissing_docs = \"warn\"\n";
        assert_eq!(check_package(&whole, own).len(), 1);
        let mapped = Package { name: String::from("differnet-files"), ..whole };
        assert!(check_package(&mapped, own).is_empty());
    }
}
