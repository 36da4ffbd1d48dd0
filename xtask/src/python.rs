//! `cargo xtask python`: the Python package as a wheel, tested in a fresh environment.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};
use xtask_support::workspace;

/// Most bytes of the wheel.
const MAX_WHEEL: u64 = 25_000_000;
/// The package, relative to the workspace's root.
const PACKAGE: &str = "crates/differnet-python";
/// Packages that the tests need and that have wheels for a free-threaded Python.
const WITH_FREE_THREADED_WHEELS: [&str; 3] = ["pillow", "pytest", "scikit-learn"];
/// Prints 1 if the interpreter is free-threaded.
const FREE_THREADED: &str =
    "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED') or 0)";
/// Prints milliseconds of an import.
const IMPORT: &str = "import time; start = time.perf_counter(); import differnet; \
                      print(f'import: {1e3 * (time.perf_counter() - start):.0f} ms')";
/// Fits and scores with numpy alone.
const SMOKE: &str = "import numpy, differnet; \
                     images = numpy.random.default_rng(0).integers(0, 255, (8, 64, 64), 'uint8'); \
                     model = differnet.train(images, method='padim'); print(model.score(images[0]))";

/// Build the Python package and run its tests in a fresh environment.
///
/// Types, examples of the documentation and the notebook included.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask python
  cargo xtask python -- -k flow    # tests whose name contains `flow`
  cargo xtask python --interpreter python3.14t    # a wheel for threads without the interpreter's lock")]
pub(crate) struct PythonArgs {
    /// The Python that the wheel is for and is tested with.
    ///
    /// One of 3.10 or later gets the wheel for all of them. A free-threaded one, 3.14t or later, gets a wheel of its
    /// own; tests that need packages without such wheels and the checks of types are left out.
    #[arg(long, default_value = "python3")]
    interpreter: PathBuf,
    /// Passed to pytest.
    #[arg(last = true)]
    options: Vec<String>,
}

pub(crate) fn run(args: &PythonArgs) -> anyhow::Result<ExitCode> {
    let shell = workspace::shell()?;
    let root = shell.current_dir();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("python");
    let requirements = root.join(PACKAGE).join("requirements-test.txt");
    let tools = folder.join("tools");
    if !tools.exists() {
        cmd!(shell, "python3 -m venv {tools}").run_echo()?;
    }
    let pip = tools.join("bin/pip");
    cmd!(shell, "{pip} install --quiet --requirement {requirements}").run_echo()?;

    cmd!(shell, "cargo build --locked --release --bin differnet").run_echo()?;
    let interpreter = &args.interpreter;
    let free_threaded = cmd!(shell, "{interpreter} -c {FREE_THREADED}").read()? == "1";
    let wheel = build(&shell, &folder, &tools, interpreter)?;
    let fresh = folder.join("fresh");
    shell.remove_path(&fresh)?;
    cmd!(shell, "{interpreter} -m venv {fresh}").run_echo()?;
    let (pip, python) = (fresh.join("bin/pip"), fresh.join("bin/python"));
    cmd!(shell, "{pip} install --quiet {wheel}").run_echo()?;
    // Twice: the first import compiles.
    for code in [SMOKE, IMPORT] {
        cmd!(shell, "{python} -c {code}").run()?;
    }
    if free_threaded {
        let all = shell.read_file(&requirements)?;
        let pins = pinned(&all);
        cmd!(shell, "{pip} install --quiet {pins...}").run_echo()?;
    } else {
        cmd!(shell, "{pip} install --quiet --requirement {requirements}").run_echo()?;
    }

    let command = target.join("release/differnet");
    let shell = shell.with_current_dir(root.join(PACKAGE));
    let options = &args.options;
    let tests = cmd!(shell, "{python} -m pytest {options...}");
    tests.env("DIFFERNET_COMMAND", command).run_echo()?;
    if free_threaded {
        return Ok(ExitCode::SUCCESS);
    }
    cmd!(shell, "{python} -m mypy").run_echo()?;
    // Elsewhere: the stubs that are installed are compared with the module that is.
    let shell = shell.with_current_dir(&folder);
    cmd!(shell, "{python} -m mypy.stubtest differnet._differnet").run_echo()?;
    Ok(ExitCode::SUCCESS)
}

/// The run without arguments, for other commands.
pub(crate) fn all() -> anyhow::Result<()> {
    run(&PythonArgs { interpreter: "python3".into(), options: Vec::new() }).map(drop)
}

/// The requirements that have wheels for a free-threaded Python, with their versions.
fn pinned(requirements: &str) -> Vec<&str> {
    let has_wheel = |line: &&str| {
        WITH_FREE_THREADED_WHEELS.iter().any(|name| line.starts_with(&format!("{name}==")))
    };
    requirements.lines().filter(has_wheel).collect()
}

/// Builds the wheel for `interpreter` below `folder` with the maturin in `tools`.
fn build(
    shell: &Shell,
    folder: &Path,
    tools: &Path,
    interpreter: &Path,
) -> anyhow::Result<PathBuf> {
    let (wheels, maturin) = (folder.join("wheels"), tools.join("bin/maturin"));
    shell.remove_path(&wheels)?;
    let manifest = format!("{PACKAGE}/Cargo.toml");
    let build = cmd!(shell, "{maturin} build --release --manifest-path {manifest} --out {wheels}");
    let build = build.args(["--compression-level", "9", "--interpreter"]).arg(interpreter);
    let cargo = shell.current_dir().join(PACKAGE).join("build-with-workspace");
    build.env("CARGO", cargo).run_echo()?;
    let wheel = shell.read_dir(&wheels)?.into_iter().next().context("maturin wrote no wheel")?;
    let bytes = wheel.metadata()?.len();
    println!("wheel: {bytes} bytes");
    ensure!(bytes <= MAX_WHEEL, "the wheel has {bytes} bytes, more than {MAX_WHEEL}");
    Ok(wheel)
}
