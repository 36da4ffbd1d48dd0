//! The figure as one PNG: rows of panels as in the paper, a column an image.

use std::io::Cursor;

use anyhow::Context;
use differnet_data::output_mark::mark_output;
use differnet_report::{draw_text, text_width};
use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};

use super::panels::{Panels, names};
use super::{CategoryFigure, Figure};

/// Side of a panel and the gap between two, pixels.
const PANEL: u32 = 200;
const GAP: u32 = 6;
/// Height of titles and of labels, pixels.
const TITLE: u32 = 30;
const LABEL: u32 = 20;
/// The narrowest sheet that notes are written on, pixels.
const NARROWEST: u32 = 800;
const WHITE: Rgb<u8> = Rgb([255; 3]);
const INK: Rgb<u8> = Rgb([34; 3]);

/// The bytes of the PNG.
pub(super) fn png(figure: &Figure) -> anyhow::Result<Vec<u8>> {
    let labels = labels(figure);
    let block = block_height(labels.len());
    let left = labels.iter().map(|label| text_width(label, LABEL)).max().unwrap_or(0) + 3 * GAP;
    let columns = figure.categories.iter().map(|category| category.images.len()).max();
    let across = columns.unwrap_or(0) as u32 * (PANEL + GAP);
    let width = (left + across).max(NARROWEST) + GAP;
    let notes: Vec<String> =
        notes(figure).iter().flat_map(|note| wrapped(note, letters(width - 2 * GAP))).collect();
    let below = notes.len() as u32 * LABEL + 2 * GAP;
    let height = figure.categories.len() as u32 * block + below;
    let mut sheet = RgbImage::from_pixel(width, height, WHITE);
    for (index, category) in figure.categories.iter().enumerate() {
        draw_category(&mut sheet, category, &labels, left, index as u32 * block);
    }
    for (index, note) in notes.iter().enumerate() {
        let top = height - below + GAP + index as u32 * LABEL;
        draw_text(&mut sheet, note, (GAP, top), LABEL, INK);
    }
    let mut png = Cursor::new(Vec::new());
    sheet.write_to(&mut png, ImageFormat::Png).context("cannot encode the figure")?;
    Ok(mark_output(png.get_ref()))
}

/// Height of one category of so many rows.
fn block_height(rows: usize) -> u32 {
    GAP + TITLE + LABEL + rows as u32 * (PANEL + GAP) + 2 * GAP
}

/// Labels of the rows.
fn labels(figure: &Figure) -> Vec<String> {
    let names = names(&figure.others).into_iter();
    let maps = names.flat_map(|name| [name, "  over the image".to_owned()]);
    [String::from("original")].into_iter().chain(maps).collect()
}

/// Notes below the figure.
fn notes(figure: &Figure) -> Vec<String> {
    let name = |data: &String| data.split(". ").next().unwrap_or_default().to_owned();
    let mut notes: Vec<String> = figure.data.iter().map(name).collect();
    notes.push(
        "Of each kind of defect the first file; colours end at each map's largest value."
            .to_owned(),
    );
    for method in &figure.others {
        notes.push(format!("Rows of {method} are not the paper's: they are of another method."));
    }
    if !figure.missing.is_empty() {
        notes.push(format!("Missing categories: {}", figure.missing.join(", ")));
    }
    notes
}

fn draw_category(
    sheet: &mut RgbImage,
    category: &CategoryFigure,
    labels: &[String],
    left: u32,
    top: u32,
) {
    draw_text(sheet, &category.name, (GAP, top + GAP), TITLE, INK);
    let first = top + GAP + TITLE + LABEL;
    for (row, label) in labels.iter().enumerate() {
        let middle = first + row as u32 * (PANEL + GAP) + (PANEL - LABEL) / 2;
        draw_text(sheet, label, (GAP, middle), LABEL, INK);
    }
    for (column, panels) in category.images.iter().enumerate() {
        let left = left + column as u32 * (PANEL + GAP);
        let kind = fitting(&panels.kind);
        let middle = left + PANEL.saturating_sub(text_width(&kind, LABEL)) / 2;
        draw_text(sheet, &kind, (middle, first - LABEL), LABEL, INK);
        for (row, panel) in rows(panels).into_iter().enumerate() {
            draw_panel(sheet, panel, left, first + row as u32 * (PANEL + GAP));
        }
    }
}

/// The panels from top to bottom.
fn rows(panels: &Panels) -> Vec<&RgbImage> {
    let maps = panels.maps.iter().flat_map(|(map, over)| [map, over]);
    [&panels.original].into_iter().chain(maps).collect()
}

/// Draws a picture in the middle of its panel, as large as fits.
fn draw_panel(sheet: &mut RgbImage, picture: &RgbImage, left: u32, top: u32) {
    let (width, height) = picture.dimensions();
    let share = f64::from(PANEL) / f64::from(width.max(height));
    let scaled = |side: u32| ((f64::from(side) * share).round() as u32).clamp(1, PANEL);
    let (width, height) = (scaled(width), scaled(height));
    let picture = imageops::resize(picture, width, height, FilterType::Triangle);
    let (x, y) = (left + (PANEL - width) / 2, top + (PANEL - height) / 2);
    imageops::replace(sheet, &picture, i64::from(x), i64::from(y));
}

/// As much of `name` as fits above a panel.
fn fitting(name: &str) -> String {
    name.chars().take(letters(PANEL)).collect()
}

/// Letters of labels that fit into `width` pixels.
fn letters(width: u32) -> usize {
    // All letters are alike; a hundred of them hide that widths are whole pixels.
    let hundred = text_width(&"x".repeat(100), LABEL) + 1;
    (100 * width / hundred) as usize
}

/// The words of `text` in lines of at most `letters`, unless a word is longer.
fn wrapped(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("overlong a b", 3), ["overlong", "a b"]);
    }

    #[test]
    fn names_are_cut_to_their_panel() {
        assert_eq!(fitting("crack"), "crack");
        let long = fitting(&"w".repeat(100));
        assert!(long.len() > 10 && text_width(&long, LABEL) <= PANEL, "{long}");
    }
}
