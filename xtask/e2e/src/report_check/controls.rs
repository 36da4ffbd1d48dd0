//! Controls of a report, moved by mouse and keys.

use std::time::Instant;

use anyhow::Context;
use serde::Deserialize;

use super::{Checker, Facts};

/// Steps of a drag.
const STEPS: u32 = 10;
/// Windows' number of the key Home.
const HOME: u32 = 36;
/// Opacities are compared after they went through style sheets.
const TOLERANCE: f64 = 1e-3;

/// Place of an element, CSS pixels.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Place {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Place {
    /// A point at these shares of width and height.
    fn at(self, across: f64, down: f64) -> (f64, f64) {
        (self.left + across * self.width, self.top + down * self.height)
    }
}

/// Sliders of the cards and the opacity of their maps.
#[derive(Debug, Deserialize)]
struct Maps {
    values: Vec<f64>,
    opacities: Vec<f64>,
}

impl Maps {
    /// Tells whether every map is as opaque as its slider says.
    fn agree(&self) -> bool {
        let pairs = self.values.iter().zip(&self.opacities);
        pairs.into_iter().all(|(value, opacity)| (value - opacity).abs() < TOLERANCE)
    }
}

/// State of the gallery.
#[derive(Debug, Deserialize)]
struct Gallery {
    names: Vec<String>,
    filter: String,
    /// Images that the filter's button speaks of.
    promised: usize,
    /// Images shown that the filter lets pass.
    fitting: usize,
}

impl Checker<'_> {
    /// Moves everything that can be moved; returns how long the browser took, to print.
    pub(super) fn check_controls(&mut self, name: &str, facts: &Facts) -> anyhow::Result<String> {
        self.check_theme(name)?;
        if facts.cards == 0 {
            return Ok(String::new());
        }
        let mut times = String::new();
        if facts.sliders > 0 {
            times = self.check_sliders(name)?;
        }
        times += &self.check_filters(name)?;
        Ok(times)
    }

    fn check_theme(&mut self, name: &str) -> anyhow::Result<()> {
        let before = self.browser.evaluate("check.theme()")?;
        self.click("#theme")?;
        let pressed = self.browser.evaluate("check.theme()")?;
        self.click("#theme")?;
        let after = self.browser.evaluate("check.theme()")?;
        self.expect(before != pressed && before == after, name, || {
            format!("the colours go from {before} to {pressed} to {after}")
        });
        Ok(())
    }

    /// The slider of one card by mouse, then that of all cards by keys.
    fn check_sliders(&mut self, name: &str) -> anyhow::Result<String> {
        let slider = self.place(".card input[type=range]")?;
        let maps_before = self.maps()?;
        let picture = self.browser.evaluate("check.onPage('.card .picture:has(.map)')")?;
        let before = self.browser.part(&picture)?;
        self.browser.evaluate("check.watchFrames()")?;
        let start = Instant::now();
        let along = (0..=STEPS).map(|step| 0.5 - 0.4 * f64::from(step) / f64::from(STEPS));
        let places: Vec<(f64, f64)> = along.map(|across| slider.at(across, 0.5)).collect();
        self.browser.drag(&places)?;
        let slowest = self.slowest()?;
        let dragged = start.elapsed();
        let maps = self.maps()?;
        let moved = maps.values.first().is_some_and(|value| *value < 0.2);
        let others = maps.values.iter().skip(1).eq(maps_before.values.iter().skip(1));
        self.expect(maps_before.agree() && moved && others && maps.agree(), name, || {
            format!("a slider dragged to the left leaves {:?}", maps.values.first())
        });
        let after = self.browser.part(&picture)?;
        self.expect(before != after, name, || "the slider changes no pixel".to_owned());

        self.click("#blend")?;
        self.browser.evaluate("check.watchFrames()")?;
        self.browser.press("Home", HOME)?;
        let slowest_of_all = self.slowest()?;
        let maps = self.maps()?;
        let cleared = maps.values.iter().all(|value| *value == 0.0);
        self.expect(cleared && maps.agree(), name, || {
            format!("the slider of all maps leaves {:?}", maps.values)
        });
        Ok(format!(
            "; slider: {STEPS} steps in {} ms, slowest frame {slowest:.0} ms, of all maps \
             {slowest_of_all:.0} ms",
            dragged.as_millis()
        ))
    }

    /// Every filter, then the search.
    fn check_filters(&mut self, name: &str) -> anyhow::Result<String> {
        let all = self.gallery()?;
        let mut slowest = 0.0_f64;
        for filter in ["miss", "false-alarm", "defect", "ok", "all"] {
            let button = format!("fieldset label:has([value={filter}])");
            let exists = format!("document.querySelector('{button}') !== null");
            if self.browser.evaluate(&exists)? != true {
                continue;
            }
            let place = self.place(&button)?.at(0.5, 0.5);
            self.browser.evaluate("check.watchFrames()")?;
            self.browser.drag(&[place, place])?;
            slowest = slowest.max(self.slowest()?);
            let gallery = self.gallery()?;
            let right = gallery.filter == filter
                && gallery.names.len() == gallery.promised
                && gallery.fitting == gallery.promised;
            self.expect(right, name, || {
                format!(
                    "filter {filter}: {} images of {} promised",
                    gallery.names.len(),
                    gallery.promised
                )
            });
        }
        let wanted = all.names.last().context("a gallery of images has names")?;
        self.click("#search")?;
        self.browser.type_text(wanted)?;
        let found = self.gallery()?.names;
        let right = found.contains(wanted) && found.iter().all(|name| contains(name, wanted));
        self.expect(right, name, || format!("a search for {wanted:?} finds {found:?}"));
        Ok(format!("; filters: slowest frame {slowest:.0} ms"))
    }

    fn click(&mut self, selector: &str) -> anyhow::Result<()> {
        let place = self.place(selector)?.at(0.5, 0.5);
        self.browser.drag(&[place, place])
    }

    fn place(&mut self, selector: &str) -> anyhow::Result<Place> {
        let place = self.browser.evaluate(&format!("check.place({selector:?})"))?;
        serde_json::from_value(place).with_context(|| format!("there is no {selector}"))
    }

    fn maps(&mut self) -> anyhow::Result<Maps> {
        Ok(serde_json::from_value(self.browser.evaluate("check.maps()")?)?)
    }

    fn gallery(&mut self) -> anyhow::Result<Gallery> {
        Ok(serde_json::from_value(self.browser.evaluate("check.gallery()")?)?)
    }

    /// The longest frame since the page began to watch, milliseconds.
    fn slowest(&mut self) -> anyhow::Result<f64> {
        Ok(self.browser.evaluate("check.slowest()")?.as_f64().unwrap_or(f64::NAN))
    }
}

/// Tells whether `name` has every word of `wanted`, as the search understands it.
fn contains(name: &str, wanted: &str) -> bool {
    let name = name.to_lowercase();
    wanted.to_lowercase().split_whitespace().all(|word| name.contains(word))
}
