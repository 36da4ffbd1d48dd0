//! The build of the fuzz targets: what reads input is compiled with coverage, all else is taken from the build
//! that there is.
//!
//! Cargo knows flags of the compiler for all packages or for none. So this program takes the compiler's place in
//! that build and adds the flags for the packages in [`OWN`] and [`LIBRARIES`]; that their profile is another
//! keeps them apart from those of the ordinary build. The tensor library is in neither list, and is not compiled
//! again.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};

/// Our packages that read, and what they are read with. They check their arithmetic, too.
const OWN: [&str; 10] = [
    "differnet",
    "differnet-baselines",
    "differnet-data",
    "differnet-features",
    "differnet-files",
    "differnet-flow",
    "differnet-scoring",
    "differnet-server",
    "xtask-fuzz",
    "xtask-inputs",
];
/// Libraries that read for us, and that the tensor library does without.
const LIBRARIES: [&str; 10] = [
    "fdeflate",
    "httparse",
    "image",
    "image-webp",
    "multer",
    "png",
    "tiff",
    "toml",
    "toml_parser",
    "zune-jpeg",
];
/// Set for the compiler while fuzz targets are built.
const BUILDING: &str = "DIFFERNET_FUZZ_BUILD";
/// Counters for each edge of the control flow, where they lie, and what is compared with what: what libFuzzer is
/// guided by. On a stable compiler, as `cargo fuzz --sanitizer none` does.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Builds the program `fuzz-targets` in the workspace at `root`.
pub(super) fn fuzz_targets(root: &Path) -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("cannot find this program")?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "--bin", "fuzz-targets"]);
    cargo.args(["--features", "xtask-fuzz/libfuzzer"]).current_dir(root);
    for package in OWN.iter().chain(&LIBRARIES) {
        cargo.args(["--config", &format!("profile.release.package.{package}.codegen-units=1")]);
    }
    for package in OWN {
        for check in ["debug-assertions", "overflow-checks"] {
            cargo.args(["--config", &format!("profile.release.package.{package}.{check}=true")]);
        }
    }
    cargo.env("RUSTC_WRAPPER", &this).env(BUILDING, "1");
    let status = cargo.status().context("cannot start cargo")?;
    ensure!(status.success(), "the fuzz targets cannot be built: a C++ compiler is needed");
    let program = this.with_file_name(format!("fuzz-targets{}", env::consts::EXE_SUFFIX));
    ensure!(program.is_file(), "{} is missing after its build", program.display());
    Ok(program)
}

/// Compiles in the compiler's place, if cargo has started this program for it.
pub(super) fn as_compiler() -> Option<ExitCode> {
    env::var_os(BUILDING)?;
    let mut words = env::args_os().skip(1);
    let compiler = words.next()?;
    let words: Vec<OsString> = words.collect();
    let mut command = Command::new(&compiler);
    command.args(&words);
    if crate_name(&words).is_some_and(is_covered) {
        command.args(COVERAGE);
    }
    let code = command.status().ok().and_then(|status| status.code());
    Some(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The crate that `words` ask the compiler for.
fn crate_name(words: &[OsString]) -> Option<&str> {
    let at = words.iter().position(|word| word == "--crate-name")?;
    words.get(at + 1)?.to_str()
}

/// Tells whether the crate `name` is of one of the packages. Not this package's programs: they hand
/// input over.
fn is_covered(name: &str) -> bool {
    let is_name = |package: &&str| package.replace('-', "_") == name;
    OWN.iter().chain(&LIBRARIES).any(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_the_listed_packages_are_covered_and_no_others() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let asked = words("--crate-name differnet_data --edition=2024 src/lib.rs");
        assert_eq!(crate_name(&asked), Some("differnet_data"));
        assert_eq!(crate_name(&words("-vV")), None);
        for name in ["differnet", "differnet_data", "png", "image_webp"] {
            assert!(is_covered(name), "{name}");
        }
        for name in ["burn", "build_script_build", "fuzz_targets", "serde_json"] {
            assert!(!is_covered(name), "{name}");
        }
    }
}
