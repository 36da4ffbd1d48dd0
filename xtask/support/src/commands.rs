//! The commands that `cargo xtask` starts in other packages.

use anyhow::ensure;

/// A command of another package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// The package, and its program.
    pub package: &'static str,
    /// Words after `cargo xtask`.
    pub name: &'static str,
    /// Description in a line of the list.
    pub about: &'static str,
}

const fn command(package: &'static str, name: &'static str, about: &'static str) -> Command {
    Command { package, name, about }
}

const E2E: &str = "xtask-e2e";
const EXPERIMENTS: &str = "xtask-experiments";
const FUZZ: &str = "xtask-fuzz";
const GOLDEN: &str = "xtask-golden";

/// All of them, by package; a test in each package compares them with what it understands.
pub const COMMANDS: [Command; 21] = [
    command(
        GOLDEN,
        "golden",
        "Compare with reference vectors: images, features, flow, gradients, metrics",
    ),
    command(
        FUZZ,
        "fuzz",
        "Hand damaged images, model files, manifests and requests to their readers",
    ),
    command(
        E2E,
        "crash-test",
        "Kill commands that keep something at random moments and look for losses",
    ),
    command(
        E2E,
        "fault-test",
        "Fill disks, break files, turn times and kill programs; look for losses",
    ),
    command(
        E2E,
        "onnx-parity",
        "Compare exported models in ONNX runtimes with the program, image by image",
    ),
    command(
        E2E,
        "page-check",
        "Use the server's page in headless Chromium and check what a user notices",
    ),
    command(
        E2E,
        "report-check",
        "Open generated reports in headless Chromium and check what readers notice",
    ),
    command(
        E2E,
        "shard-test",
        "Kill shards of a job at random moments; compare merged with one process",
    ),
    command(
        E2E,
        "soak",
        "Load the server with more clients than it can serve; compare every answer",
    ),
    command(
        EXPERIMENTS,
        "adaptive",
        "Compare adaptive scoring with all transforms: verdicts, AUROC and time",
    ),
    command(
        EXPERIMENTS,
        "bench",
        "Time the libraries: by criterion, or against PyTorch or scikit-learn",
    ),
    command(
        EXPERIMENTS,
        "datasets",
        "Public data sets: what is known of them, and whether a copy is complete",
    ),
    command(
        EXPERIMENTS,
        "reproduce-figure8",
        "Draw Figure 8: original, map and overlay of one image of each kind of defect",
    ),
    command(
        EXPERIMENTS,
        "reproduce-table1",
        "Measure Table 1: AUROC of every method on every category of MVTec AD",
    ),
    command(
        EXPERIMENTS,
        "reproduce-table2",
        "Measure Table 2 and Figures 5 and 6: every method on Magnetic Tile Defects",
    ),
    command(
        EXPERIMENTS,
        "reproduce-table3",
        "Measure Table 3: configurations A to G of scales and transforms",
    ),
    command(
        EXPERIMENTS,
        "reproduce-figure7",
        "Measure Figure 7: AUROC over the number of training images",
    ),
    command(
        EXPERIMENTS,
        "reproduce-multimodal",
        "Measure one model of 12 blocks for all categories, and a model for each",
    ),
    command(
        EXPERIMENTS,
        "reproduce-ablation",
        "Measure AUROC on tiles from a preset to the paper's settings, step by step",
    ),
    command(
        EXPERIMENTS,
        "reproduce-curve",
        "Measure AUROC on Magnetic Tile Defects over transforms and updates",
    ),
    command(
        EXPERIMENTS,
        "reproduce-frontier",
        "Measure AUROC over training time, and which trainings no other beats",
    ),
];

/// Compares the commands of `package` in [`COMMANDS`] with those that its program understands and shows.
///
/// # Errors
/// If they are not the same, with the same words.
pub fn check(package: &str, program: &clap::Command) -> anyhow::Result<()> {
    let mut listed: Vec<(String, String)> = COMMANDS
        .iter()
        .filter(|command| command.package == package)
        .map(|command| (command.name.to_owned(), command.about.to_owned()))
        .collect();
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    let about = |command: &clap::Command| command.get_about().map(ToString::to_string);
    let mut understood: Vec<(String, String)> = shown
        .map(|command| (command.get_name().to_owned(), about(command).unwrap_or_default()))
        .collect();
    listed.sort();
    understood.sort();
    ensure!(listed == understood, "listed: {listed:#?}, understood: {understood:#?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of the list beside the longest name, of 100.
    const WIDTH: usize = 76;

    #[test]
    fn names_are_unique_lines_short_and_differences_are_found() {
        let mut names = COMMANDS.map(|command| command.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for Command { about, .. } in COMMANDS {
            assert!(about.len() <= WIDTH, "{about}");
        }

        let golden = clap::Command::new("golden").about(COMMANDS[0].about);
        let hidden = clap::Command::new("inside").hide(true);
        let program = clap::Command::new("x").subcommands([golden.clone(), hidden]);
        check(GOLDEN, &program).unwrap();
        assert!(check(FUZZ, &program).is_err());
        let more = program.clone().subcommand(clap::Command::new("more"));
        assert!(check(GOLDEN, &more).is_err());
        let other = clap::Command::new("x").subcommand(golden.about("Something else"));
        assert!(check(GOLDEN, &other).is_err());
    }
}
