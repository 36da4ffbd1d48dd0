//! `cargo xtask report-check`: the HTML report in a real browser.

mod controls;
mod reports;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use differnet_report::write_report;
use serde::Deserialize;

use crate::browser::{self, Browser};
use reports::{CASES, Case, MANY};

/// Defines `check` in a page.
const SCRIPT: &str = include_str!("report_check/page.js");
/// Most bytes of a report of up to [`MANY`] images.
const MAIL: u64 = 10_000_000;
/// Widths and heights that reports are read at, CSS pixels.
const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 800);
/// Cards that are drawn although nobody sees them yet.
const DRAWN_AHEAD: usize = 150;
/// Height of the largest screenshot, CSS pixels.
const TALLEST: u32 = 5000;
/// A page with every fault that the browser is asked to find: a check that passes it is blind.
const FAULTY: &str = "<!DOCTYPE html><title>Faulty</title><h1>Faulty</h1>\
    <div style='width:5000px'>wide</div><img src='http://192.0.2.1/missing.png'>\
    <script>console.error('said'); throw new Error('thrown')</script>";

/// Open generated reports in headless Chromium and check what readers notice.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask report-check
  cargo xtask report-check --out target/reports           # keep reports, screenshots and prints
  cargo xtask report-check --report today.html --out shots

Checks that reports are complete, complain of nothing, ask for nothing from elsewhere, fit a phone,
obey slider, filter, search and theme, draw only what is near in a thousand images, and that two
hundred images fit into a mail. Times are printed and not judged.")]
pub(crate) struct ReportCheckArgs {
    /// Folder for the reports, their screenshots and prints; without it nothing is kept.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Check this report instead of generated ones.
    #[arg(long, value_name = "FILE.html")]
    report: Vec<PathBuf>,
    /// The browser [default: the one installed].
    #[arg(long, value_name = "PROGRAM")]
    chromium: Option<PathBuf>,
}

/// Facts of the page.
#[derive(Debug, Deserialize)]
struct Facts {
    heading: String,
    cards: usize,
    plots: usize,
    images: usize,
    lazy: usize,
    deferred: usize,
    drawn: usize,
    broken: usize,
    overflow: f64,
    sliders: usize,
    text: String,
    content_loaded: f64,
    loaded: f64,
}

pub(crate) fn run(args: &ReportCheckArgs) -> anyhow::Result<ExitCode> {
    let program = browser::find(args.chromium.as_deref())?;
    let scratch = tempfile::tempdir()?;
    let folder = args.out.as_deref().unwrap_or(scratch.path());
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = folder.canonicalize()?;
    let mut browser = Browser::start(&program, &[])?;
    let mut checker = Checker {
        browser: &mut browser,
        pictures: args.out.as_ref().map(|_| folder.as_path()),
        failures: Vec::new(),
    };
    checker.see_faults(&folder)?;
    for path in &args.report {
        let path =
            path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.display().to_string());
        checker.check(&name, &path, None)?;
    }
    if args.report.is_empty() {
        for case in &CASES {
            let path = folder.join(case.name).with_extension("html");
            let file =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            write_report(&reports::report(case.variant, case.images)?, BufWriter::new(file))?;
            checker.check(case.name, &path, Some(case))?;
        }
    }
    let failures = checker.failures;
    failures.iter().for_each(|failure| println!("failed: {failure}"));
    ensure!(failures.is_empty(), "reports fail {} checks", failures.len());
    println!("reports are in order");
    Ok(ExitCode::SUCCESS)
}

/// Checks one report after the other and remembers what failed.
struct Checker<'a> {
    browser: &'a mut Browser,
    /// Folder of screenshots.
    pictures: Option<&'a Path>,
    failures: Vec<String>,
}

impl Checker<'_> {
    /// Makes sure that faults would be seen.
    fn see_faults(&mut self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join("faulty.html");
        fs::write(&path, FAULTY)?;
        let facts = self.open(&path)?;
        fs::remove_file(&path)?;
        let complaints = self.browser.complaints().join("\n");
        for sign in ["request to http://192.0.2.1/missing.png", "console error", "thrown"] {
            ensure!(complaints.contains(sign), "this check does not see {sign}: {complaints}");
        }
        ensure!(facts.overflow > 0.0, "this check does not see what sticks out");
        Ok(())
    }

    /// Opens a report at desktop width.
    fn open(&mut self, path: &Path) -> anyhow::Result<Facts> {
        self.browser.open(&address(path), DESKTOP)?;
        self.facts()
    }

    fn facts(&mut self) -> anyhow::Result<Facts> {
        self.browser.evaluate(SCRIPT)?;
        let facts = self.browser.evaluate("check.facts()")?;
        serde_json::from_value(facts).context("the page's facts are not understood")
    }

    fn expect(&mut self, holds: bool, name: &str, what: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(format!("{name}: {}", what()));
        }
    }

    fn check(&mut self, name: &str, path: &Path, case: Option<&Case>) -> anyhow::Result<()> {
        let bytes = path.metadata()?.len();
        let facts = self.open(path)?;
        self.expect(!facts.heading.is_empty(), name, || "it has no heading".to_owned());
        self.expect(facts.broken == 0, name, || format!("{} pictures are broken", facts.broken));
        let (images, cards) = (facts.images, facts.cards);
        self.expect(facts.lazy == images && facts.deferred == cards, name, || {
            format!(
                "{} of {images} pictures are lazy, {} of {cards} cards",
                facts.lazy, facts.deferred
            )
        });
        self.expect(facts.drawn <= DRAWN_AHEAD, name, || {
            format!("{} of {cards} cards are drawn at once", facts.drawn)
        });
        if let Some(case) = case {
            self.expect(cards == case.images, name, || format!("{cards} cards"));
            self.expect(facts.plots == case.plots, name, || format!("{} plots", facts.plots));
            for sentence in case.says {
                self.expect(facts.text.contains(sentence), name, || format!("no {sentence:?}"));
            }
            self.expect(cards > MANY || bytes <= MAIL, name, || format!("{bytes} bytes"));
        }
        let times = self.check_controls(name, &facts)?;
        for size in [DESKTOP, PHONE] {
            self.browser.resize(size)?;
            let overflow = self.facts()?.overflow;
            self.expect(overflow <= 0.0, name, || {
                format!("it is {overflow} pixels wider than a window of {}", size.0)
            });
        }
        for complaint in self.browser.complaints() {
            self.failures.push(format!("{name}: {complaint}"));
        }
        if cards <= MANY {
            // Anew: what filters and search hide is not printed either.
            self.open(path)?;
            let pages = self.browser.print()?;
            self.expect(pages.starts_with(b"%PDF"), name, || "it does not print".to_owned());
            if let Some(folder) = self.pictures {
                fs::write(folder.join(format!("{name}.pdf")), pages)?;
            }
        }
        if facts.sliders > 0 {
            self.check_without_script(name, path)?;
        }
        if let Some(folder) = self.pictures {
            self.take_pictures(name, path, folder)?;
        }
        println!(
            "{name:<11} {cards:>4} images  {:>5.1} MB  {:>3} cards drawn  content after {:>4.0} ms, \
             all after {:>4.0} ms{times}",
            bytes as f64 / 1e6,
            facts.drawn,
            facts.content_loaded,
            facts.loaded,
        );
        Ok(())
    }

    /// As in a mail program that runs no scripts: all is there but the controls.
    fn check_without_script(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let scripts = |off: bool| serde_json::json!({ "value": off });
        self.browser.call("Emulation.setScriptExecutionDisabled", scripts(true))?;
        self.browser.open(&address(path), DESKTOP)?;
        self.browser.call("Emulation.setScriptExecutionDisabled", scripts(false))?;
        let facts = self.facts()?;
        self.expect(facts.cards > 0 && facts.broken == 0, name, || {
            "it shows no pictures without scripts".to_owned()
        });
        let hidden = self.browser.evaluate("check.isHidden('#theme, .toolbar, .card .blend')")?;
        self.expect(hidden == true, name, || "controls that need scripts stay without".to_owned());
        Ok(())
    }

    fn take_pictures(&mut self, name: &str, path: &Path, folder: &Path) -> anyhow::Result<()> {
        for (width, size) in [("desktop", DESKTOP), ("phone", PHONE)] {
            for scheme in ["light", "dark"] {
                self.browser.prefer(scheme)?;
                self.browser.open(&address(path), size)?;
                self.browser.heighten(TALLEST)?;
                self.browser.evaluate(SCRIPT)?;
                self.browser.evaluate("check.settled()")?;
                let picture = self.browser.view()?;
                fs::write(folder.join(format!("{name}-{width}-{scheme}.png")), picture)?;
            }
        }
        self.browser.prefer("light")
    }
}

/// The address of a file whose path is absolute.
fn address(path: &Path) -> String {
    let mut address = String::from("file://");
    for byte in path.display().to_string().bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => address.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => address.push(char::from(byte)),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}
