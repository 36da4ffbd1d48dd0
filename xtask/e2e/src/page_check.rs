//! `cargo xtask page-check`: the server's page in a real browser.

mod setup;
mod visit;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};

use crate::browser::{self, Browser};
use setup::Setup;
use visit::Visit;

/// A camera that shows a moving pattern, and nobody to ask whether it may be used.
const CAMERA: [&str; 2] = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/// The token of the server that wants one.
const TOKEN: &str = "let-me-in";
/// The one that it wants after a restart.
const OTHER_TOKEN: &str = "let-me-in-again";

/// Use the server's page in headless Chromium and check what a user notices.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask page-check
  cargo xtask page-check --out target/page        # keep screenshots

Trains a small model on generated images, serves it, and uses the page: drops files, good ones and bad
ones, takes a picture, moves sliders, saves the table, judges 200 images, enters a token. Checks that
every control has a name, nothing sticks out at 360 pixels, nothing is asked for from elsewhere and
nothing is complained about.")]
pub(crate) struct PageCheckArgs {
    /// Folder for screenshots; without it none are taken.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The browser [default: the one installed].
    #[arg(long, value_name = "PROGRAM")]
    chromium: Option<PathBuf>,
}

pub(crate) fn run(args: &PageCheckArgs) -> anyhow::Result<ExitCode> {
    let program = browser::find(args.chromium.as_deref())?;
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let setup = Setup::new()?;
    let open = setup.serve(None)?;
    let guarded = setup.serve(Some(TOKEN))?;
    let mut visit = Visit {
        browser: Browser::start(&program, &CAMERA)?,
        pictures: args.out.as_deref(),
        failures: Vec::new(),
    };
    visit.page(open.address(), &setup)?;
    visit.token(guarded.address(), &setup)?;
    let address = guarded.address();
    guarded.stopper().stop();
    guarded.wait()?;
    let guarded = setup.serve_at(address, Some(OTHER_TOKEN))?;
    visit.other_token(&setup)?;
    let failures = visit.failures;
    for server in [open, guarded] {
        server.stopper().stop();
        server.wait()?;
    }
    failures.iter().for_each(|failure| println!("failed: {failure}"));
    ensure!(failures.is_empty(), "the page fails {} checks", failures.len());
    println!("the page is in order");
    Ok(ExitCode::SUCCESS)
}
