//! The front door: commands of other packages are built and started when they are asked for, so that
//! those of this one need no tensor library.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use xtask_support::commands::COMMANDS;
use xtask_support::workspace;

/// `program` with the commands of other packages in its list.
pub(crate) fn list(program: clap::Command) -> clap::Command {
    program
        .subcommands(COMMANDS.map(|command| clap::Command::new(command.name).about(command.about)))
}

/// The package that has the command which `words` begin with, if another has it, and what to tell it: the
/// same words, or for `help NAME` those that make the command explain itself.
pub(crate) fn other_package(words: &[OsString]) -> Option<(&'static str, Vec<OsString>)> {
    let package = |word: &OsString| {
        let command = COMMANDS.iter().find(|command| word == command.name);
        command.map(|command| command.package)
    };
    match words {
        [help, name, rest @ ..] if help == "help" => {
            let words = [name].into_iter().chain(rest).cloned();
            Some((package(name)?, words.chain([OsString::from("--help")]).collect()))
        }
        [name, ..] => Some((package(name)?, words.to_vec())),
        [] => None,
    }
}

/// Builds `package` and lets its program take this one's place, with `words` as its arguments.
///
/// It gets the terminal, signals such as Ctrl-C and this program's working folder, and its exit code is the
/// command's.
pub(crate) fn become_command(package: &str, words: &[OsString]) -> anyhow::Result<ExitCode> {
    replaced_by(cargo_run(&workspace::root()?, package, words))
}

/// Runs the command `name` of another package without arguments, as a step of another command.
pub(crate) fn run(root: &Path, name: &str) -> anyhow::Result<()> {
    let words = [OsString::from(name)];
    let (package, words) = other_package(&words).with_context(|| format!("no command {name}"))?;
    let status = cargo_run(root, package, &words).status().context("cannot start cargo")?;
    ensure!(status.success(), "`cargo xtask {name}` ended with {status}");
    Ok(())
}

fn cargo_run(root: &Path, package: &str, words: &[OsString]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet", "--locked", "--manifest-path"]);
    cargo.arg(root.join("Cargo.toml"));
    // Not `--package`: that would build dependencies with the features that this package alone asks for,
    // and the tensor library more than once. So it is shared with all packages and with the tests.
    cargo.args(["--bin", package]);
    for (name, is_built) in [("wgpu", cfg!(feature = "wgpu")), ("cuda", cfg!(feature = "cuda"))] {
        if is_built {
            cargo.args(["--features", &format!("differnet/{name}")]);
        }
    }
    cargo.arg("--").args(words.iter().map(OsStr::new));
    cargo
}

/// Replaces this process by the command: what is sent to it, reaches the command.
#[cfg(unix)]
fn replaced_by(mut command: Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("cannot start cargo")
}

/// The console tells Ctrl-C to both processes; this one waits for what the other makes of it.
#[cfg(not(unix))]
fn replaced_by(mut command: Command) -> anyhow::Result<ExitCode> {
    ctrlc::set_handler(|| {}).context("cannot listen for Ctrl-C")?;
    let status = command.status().context("cannot start cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::{Arguments, Command};

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn words_go_to_the_package_that_has_the_command() {
        let asked = words("golden --dir DIR --json");
        assert_eq!(other_package(&asked), Some(("xtask-golden", asked.clone())));
        let asked = words("help datasets verify");
        let told = words("datasets verify --help");
        assert_eq!(other_package(&asked), Some(("xtask-experiments", told)));
        for own in ["", "tidy", "help", "help tidy", "--help", "test golden", "nothing"] {
            assert_eq!(other_package(&words(own)), None, "{own}");
        }
    }

    #[test]
    fn the_program_is_started_with_the_words_as_they_are() {
        let command = cargo_run(Path::new("root"), "xtask-e2e", &words("soak -- --help"));
        let arguments: Vec<&OsStr> = command.get_args().collect();
        let end = arguments.iter().position(|&word| word == "--").unwrap();
        assert_eq!(arguments[end + 1..], ["soak", "--", "--help"]);
        assert!(arguments[..end].windows(2).any(|pair| pair == ["--bin", "xtask-e2e"]));
    }

    #[test]
    fn every_command_is_listed_once() {
        let program = list(Arguments::<Command>::command());
        program.clone().debug_assert();
        let names: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
        for command in COMMANDS {
            assert!(names.contains(&command.name), "{}", command.name);
        }
        assert_eq!(
            names.len(),
            COMMANDS.len() + Arguments::<Command>::command().get_subcommands().count()
        );
    }
}
