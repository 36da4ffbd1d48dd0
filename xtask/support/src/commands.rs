//! The commands that `cargo xtask` starts in other packages.

use anyhow::ensure;

/// A command of another package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// The package, and its program.
    pub package: &'static str,
    /// What is typed after `cargo xtask`.
    pub name: &'static str,
    /// What it does, in a line.
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
pub const COMMANDS: [Command; 17] = [
    command(
        GOLDEN,
        "golden",
        "Compare with reference vectors: images, features, flow, gradients, Adam, metrics",
    ),
    command(
        FUZZ,
        "fuzz",
        "Hand damaged and hostile images, model files, manifests and requests to what reads them",
    ),
    command(
        E2E,
        "crash-test",
        "Kill `differnet train` and `differnet watch` at random moments, start them again, and look for losses",
    ),
    command(
        E2E,
        "page-check",
        "Use the server's page in headless Chromium and check what a user would notice",
    ),
    command(
        E2E,
        "report-check",
        "Open generated reports in headless Chromium and check what a reader would notice",
    ),
    command(
        E2E,
        "soak",
        "Load the server with more clients than it can serve, and compare every answer",
    ),
    command(
        EXPERIMENTS,
        "adaptive",
        "Compare adaptive scoring with all transforms: verdicts, AUROC, transforms and time",
    ),
    command(
        EXPERIMENTS,
        "bench",
        "Time the libraries: by criterion, or against PyTorch or scikit-learn",
    ),
    command(
        EXPERIMENTS,
        "datasets",
        "Public data sets: what is known of them, and whether a copy is complete and sound",
    ),
    command(
        EXPERIMENTS,
        "reproduce-figure8",
        "Draw Figure 8: original, map and overlay of one image of each kind of defect",
    ),
    command(
        EXPERIMENTS,
        "reproduce-table1",
        "Measure Table 1: AUROC of every method on every category of MVTec AD, beside the paper's",
    ),
    command(
        EXPERIMENTS,
        "reproduce-table2",
        "Measure Table 2: AUROC of every method on Magnetic Tile Defects, with Figures 5 and 6",
    ),
    command(
        EXPERIMENTS,
        "reproduce-table3",
        "Measure Table 3: configurations A to G, with and without scales and transforms",
    ),
    command(
        EXPERIMENTS,
        "reproduce-figure7",
        "Measure Figure 7: AUROC over the number of training images, three random subsets of each size",
    ),
    command(
        EXPERIMENTS,
        "reproduce-multimodal",
        "Measure one model, of 12 blocks, that is trained on the good images of all categories",
    ),
    command(
        EXPERIMENTS,
        "reproduce-curve",
        "Measure how the AUROC on Magnetic Tile Defects depends on transforms and updates",
    ),
    command(
        EXPERIMENTS,
        "reproduce-frontier",
        "Measure AUROC over training time on Magnetic Tile Defects, and which trainings no other beats",
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

    #[test]
    fn names_are_unique_and_differences_are_found() {
        let mut names = COMMANDS.map(|command| command.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");

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
