//! A visit of the page, by mouse, keys and files.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::setup::{MANY, Setup};
use super::{OTHER_TOKEN, TOKEN};
use crate::browser::Browser;

/// Defines `check` in the page.
const SCRIPT: &str = include_str!("page.js");
/// Widths and heights that the page is used at, CSS pixels.
const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 800);
/// Height of the largest screenshot, CSS pixels.
const TALLEST: u32 = 4000;
/// Longest that the page may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);
/// Roles of what can be pressed, moved or filled in; each needs a name.
const CONTROLS: [&str; 7] =
    ["button", "textbox", "slider", "combobox", "checkbox", "link", "spinbutton"];
/// Windows' numbers of keys.
const HOME: u32 = 36;
const END: u32 = 35;
const DOWN: u32 = 40;
const ENTER: u32 = 13;

/// A visit and what went wrong in it.
pub(super) struct Visit<'a> {
    pub(super) browser: Browser,
    /// Folder of screenshots.
    pub(super) pictures: Option<&'a Path>,
    pub(super) failures: Vec<String>,
}

/// Facts of the page.
#[derive(Debug, Deserialize)]
struct Facts {
    rows: usize,
    errors: usize,
    defects: usize,
    verdict: String,
    name: String,
    error: String,
    effect: String,
    counts: String,
    layer: f64,
    bars: usize,
    overflow: f64,
    broken: usize,
    busy: bool,
}

impl Visit<'_> {
    /// Uses everything that the page has.
    pub(super) fn page(&mut self, address: SocketAddr, setup: &Setup) -> anyhow::Result<()> {
        self.open(address)?;
        self.until("good scores", |facts| facts.bars > 0)?;
        self.names("at first")?;
        self.screenshot("empty")?;

        self.drop_files(&setup.images[..4])?;
        let facts = self.until("four results", |facts| facts.rows == 4 && !facts.busy)?;
        self.expect(facts.errors == 0, || format!("errors: {facts:?}"));
        let facts = self.until("a map", |facts| facts.layer > 0.0)?;
        self.expect(facts.broken == 0, || "a picture is broken".to_owned());
        self.blend()?;
        self.trial()?;

        self.drop_files(&setup.bad)?;
        let facts = self.until("two errors", |facts| facts.rows == 6 && !facts.busy)?;
        self.expect(facts.errors == 2, || format!("{} errors of 2", facts.errors));
        self.keys()?;
        self.camera()?;
        self.theme()?;
        self.names("in use")?;

        let (rows, start) = (self.facts()?.rows, Instant::now());
        let more = &setup.images[..MANY - rows];
        self.drop_files(more)?;
        let facts = self.until("200 results", |facts| facts.rows == MANY && !facts.busy)?;
        println!(
            "{} images judged in {:.1} s: {}",
            more.len(),
            start.elapsed().as_secs_f64(),
            facts.counts
        );
        self.expect(facts.defects > 0, || "no defect was found".to_owned());
        self.until("the last map", |facts| facts.layer > 0.0)?;
        self.save(setup)?;
        for size in [DESKTOP, PHONE] {
            self.browser.resize(size)?;
            let overflow = self.facts()?.overflow;
            self.expect(overflow <= 0.0, || format!("{overflow} pixels too wide for {}", size.0));
        }
        self.screenshots("full")?;
        self.browser.resize(DESKTOP)?;
        self.complaints(&["415", "422"]);
        Ok(())
    }

    /// Enters a wrong token, then the right one.
    pub(super) fn token(&mut self, address: SocketAddr, setup: &Setup) -> anyhow::Result<()> {
        self.open(address)?;
        for (token, wanted) in [("wrong", false), (TOKEN, true)] {
            self.wait_for("document.activeElement?.id === 'token'", "the token's field")?;
            if wanted {
                self.screenshot("token")?;
            }
            self.browser.evaluate("check.watchError()")?;
            self.browser.type_text(token)?;
            self.browser.press("Enter", ENTER)?;
            let after = if wanted {
                "document.getElementById('token-form').hidden"
            } else {
                "check.sawError() && document.getElementById('token-error').textContent.includes('not the one')"
            };
            self.wait_for(after, "an answer about the token")?;
        }
        self.drop_files(&setup.images[..1])?;
        let facts = self.until("a result", |facts| facts.rows == 1 && !facts.busy)?;
        self.expect(facts.errors == 0, || format!("with a token: {}", facts.error));
        self.complaints(&["401"]);
        Ok(())
    }

    /// Enters the token that the server wants since it was restarted; images that came before wait for it.
    pub(super) fn other_token(&mut self, setup: &Setup) -> anyhow::Result<()> {
        self.drop_files(&setup.images[..4])?;
        self.wait_for("document.activeElement?.id === 'token'", "the token's field again")?;
        self.browser.type_text(OTHER_TOKEN)?;
        self.browser.press("Enter", ENTER)?;
        let facts = self.until("all results", |facts| facts.rows == 5 && !facts.busy)?;
        self.expect(facts.errors == 0, || format!("with another token: {}", facts.error));
        self.complaints(&["401"]);
        Ok(())
    }

    fn open(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let origin = format!("http://{address}/");
        self.browser.allow(&origin)?;
        self.browser.open(&origin, DESKTOP)?;
        self.browser.evaluate(SCRIPT)?;
        Ok(())
    }

    /// Moves the map's slider to its beginning, and then to its end.
    fn blend(&mut self) -> anyhow::Result<()> {
        let before = self.facts()?.layer;
        self.focus("#blend")?;
        self.browser.press("Home", HOME)?;
        let after = self.facts()?.layer;
        self.expect(before > 0.0 && after == 0.0, || {
            format!("the map's opacity goes from {before} to {after}")
        });
        self.browser.press("End", END)
    }

    /// Tries the lowest threshold, under which all good parts change.
    fn trial(&mut self) -> anyhow::Result<()> {
        self.focus("#trial")?;
        self.browser.press("Home", HOME)?;
        let facts = self.facts()?;
        let changed = 4 - facts.defects;
        let says = format!("{changed} of 4 results would change: {changed} to DEFECT, 0 to OK.");
        self.expect(facts.effect.starts_with(&says), || format!("{says} but {}", facts.effect));
        self.screenshot("trial")?;
        self.click("#trial-reset")?;
        let effect = self.facts()?.effect;
        self.expect(effect.starts_with("Nothing changes"), || effect.clone());
        Ok(())
    }

    /// Goes from the newest row to the one below and looks at it.
    fn keys(&mut self) -> anyhow::Result<()> {
        self.focus("#rows tr:first-child button")?;
        self.browser.press("ArrowDown", DOWN)?;
        self.browser.press("Enter", ENTER)?;
        let below = self.browser.evaluate("check.rowName(1)")?;
        let facts = self.facts()?;
        self.expect(below == facts.name.as_str(), || format!("{below} is not {}", facts.name));
        self.expect(facts.verdict == "ERROR" && !facts.error.is_empty(), || format!("{facts:?}"));
        self.screenshot("error")
    }

    /// Judges what the camera shows.
    fn camera(&mut self) -> anyhow::Result<()> {
        let before = self.facts()?.rows;
        self.click("#camera-open")?;
        self.wait_for("document.getElementById('camera-view').videoWidth > 0", "a camera")?;
        self.screenshot("camera")?;
        self.click("#camera-take")?;
        let facts =
            self.until("a picture taken", |facts| facts.rows == before + 1 && !facts.busy)?;
        let name = self.browser.evaluate("check.rowName(0)")?;
        self.expect(name == "camera-1.png", || format!("{name}: {facts:?}"));
        self.click("#camera-close")?;
        self.wait_for("document.getElementById('camera').hidden", "a closed camera")
    }

    fn theme(&mut self) -> anyhow::Result<()> {
        let before = self.browser.evaluate("check.background()")?;
        self.click("#theme")?;
        let pressed = self.browser.evaluate("check.background()")?;
        self.click("#theme")?;
        let after = self.browser.evaluate("check.background()")?;
        self.expect(before != pressed && before == after, || "the theme's button".to_owned());
        Ok(())
    }

    /// Saves the table and reads the file.
    fn save(&mut self, setup: &Setup) -> anyhow::Result<()> {
        let folder = setup.folder().join("saved");
        let allow = json!({ "behavior": "allow", "downloadPath": folder });
        self.browser.call("Page.setDownloadBehavior", allow)?;
        self.click("#export")?;
        let (path, start) = (folder.join("differnet-results.csv"), Instant::now());
        while !path.is_file() {
            if start.elapsed() > PATIENCE {
                bail!("the table was not saved");
            }
            // The browser has to be heard for it to go on.
            self.facts()?;
            thread::sleep(Duration::from_millis(20));
        }
        let text = fs::read_to_string(path)?;
        let header = "time,model,image,verdict,score,threshold,p_value,reason,error\r\n";
        let lines = text.matches("\r\n").count();
        self.expect(text.starts_with(header) && lines == MANY + 1, || {
            format!("{lines} lines: {}", text.lines().next().unwrap_or_default())
        });
        Ok(())
    }

    /// Every control has a name that is read out.
    fn names(&mut self, when: &str) -> anyhow::Result<()> {
        let tree = self.browser.call("Accessibility.getFullAXTree", json!({}))?;
        let nodes = tree["nodes"].as_array().context("a tree has nodes")?;
        let value =
            |node: &Value, part: &str| node[part]["value"].as_str().unwrap_or("").to_owned();
        let mut seen = 0;
        for node in nodes.iter().filter(|node| node["ignored"] != true) {
            let role = value(node, "role");
            if CONTROLS.iter().any(|control| role.eq_ignore_ascii_case(control)) {
                seen += 1;
                let named = !value(node, "name").trim().is_empty();
                self.expect(named, || format!("{when}, a {role} has no name"));
            }
        }
        self.expect(seen >= 5, || format!("{when}, only {seen} controls are seen"));
        Ok(())
    }

    /// Takes complaints, but for refusals with these statuses.
    fn complaints(&mut self, refusals: &[&str]) {
        for complaint in self.browser.complaints() {
            let refusal = complaint.contains("Failed to load resource")
                && refusals.iter().any(|status| complaint.contains(&format!("status of {status}")));
            if !refusal {
                self.failures.push(complaint);
            }
        }
    }

    fn drop_files(&mut self, files: &[PathBuf]) -> anyhow::Result<()> {
        let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let place = self.place("#drop")?;
        self.browser.drop_files(&files, place)
    }

    fn facts(&mut self) -> anyhow::Result<Facts> {
        let facts = self.browser.evaluate("check.facts()")?;
        serde_json::from_value(facts).context("the page's facts are not understood")
    }

    /// The facts once they are as wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(&Facts) -> bool) -> anyhow::Result<Facts> {
        let start = Instant::now();
        loop {
            let facts = self.facts()?;
            if wanted(&facts) {
                return Ok(facts);
            }
            if start.elapsed() > PATIENCE {
                bail!("the page never shows {what}: {facts:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&mut self, expression: &str, what: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.browser.evaluate(expression)? != true {
            if start.elapsed() > PATIENCE {
                bail!("the page never has {what}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(what());
        }
    }

    fn focus(&mut self, selector: &str) -> anyhow::Result<()> {
        self.browser.evaluate(&format!("document.querySelector({selector:?}).focus()"))?;
        Ok(())
    }

    fn click(&mut self, selector: &str) -> anyhow::Result<()> {
        let place = self.place(selector)?;
        self.browser.drag(&[place, place])
    }

    /// The middle of an element, which is brought into view.
    fn place(&mut self, selector: &str) -> anyhow::Result<(f64, f64)> {
        let place = self.browser.evaluate(&format!("check.middle({selector:?})"))?;
        serde_json::from_value(place).with_context(|| format!("there is no {selector}"))
    }

    fn screenshot(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(folder) = self.pictures else { return Ok(()) };
        self.browser.heighten(TALLEST)?;
        self.browser.evaluate("check.settled()")?;
        fs::write(folder.join(format!("{name}.png")), self.browser.view()?)?;
        self.browser.resize(DESKTOP)
    }

    /// At both widths, in both themes.
    fn screenshots(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(folder) = self.pictures else { return Ok(()) };
        for (width, size) in [("desktop", DESKTOP), ("phone", PHONE)] {
            for scheme in ["light", "dark"] {
                self.browser.prefer(scheme)?;
                self.browser.resize(size)?;
                self.browser.heighten(TALLEST)?;
                self.browser.evaluate("check.settled()")?;
                let picture = self.browser.view()?;
                fs::write(folder.join(format!("{name}-{width}-{scheme}.png")), picture)?;
            }
        }
        self.browser.prefer("light")
    }
}
