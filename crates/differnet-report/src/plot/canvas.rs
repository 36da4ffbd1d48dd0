//! A white sheet to draw on in pixels, written as SVG by plotters' backend.

use std::error::Error;

use plotters::backend::DrawingBackend;
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE};

use super::PlotError;
use super::palette::INK;

/// The backend knows whole units only; four of them a pixel keep curves smooth.
const UNITS: f64 = 4.0;
/// Size of all letters, in pixels.
const LETTERS: f64 = 13.0;
/// The backend divides font sizes by this number.
const FONT_DIVISOR: f64 = 1.24;

/// A place on the sheet, in pixels from its top left corner.
pub(super) type Place = (f64, f64);

/// Anchor of a text relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextAt {
    /// Begins there, at half height.
    Start,
    /// Ends there, at half height.
    End,
    /// Centred, hanging below.
    Below,
    /// Centred, reading upwards along a vertical axis.
    Upwards,
}

/// Solid or interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    /// One line.
    Solid,
    /// Short dashes.
    Dashed,
}

/// A sheet while it is drawn on.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// Draws a sheet of `size` pixels; `description` is what a screen reader says.
///
/// # Errors
/// Whatever `draw` returns.
pub(super) fn draw_svg(
    size: (f64, f64),
    description: &str,
    draw: impl FnOnce(&mut Canvas<'_>) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    let (width, height) = units(size);
    let mut svg = String::new();
    let mut canvas =
        Canvas { backend: SVGBackend::with_string(&mut svg, (width as u32, height as u32)) };
    let sheet = [(0.0, 0.0), (size.0, 0.0), size, (0.0, size.1)];
    canvas.polygon(&sheet, WHITE, 1.0)?;
    draw(&mut canvas)?;
    canvas.backend.present().map_err(draw_error)?;
    drop(canvas);
    // The backend states its units as pixels; readers should see the intended size.
    let stated = format!("width=\"{width}\" height=\"{height}\"");
    let intended = format!(
        "width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{description}\"",
        size.0, size.1
    );
    Ok(svg.replacen(&stated, &intended, 1))
}

impl Canvas<'_> {
    /// Connects the places.
    pub(super) fn line(
        &mut self,
        places: &[Place],
        color: RGBColor,
        width: f64,
        stroke: Stroke,
    ) -> Result<(), PlotError> {
        let style = ShapeStyle {
            color: color.to_rgba(),
            filled: false,
            stroke_width: (width * UNITS).round() as u32,
        };
        let pieces = match stroke {
            Stroke::Solid => vec![places.to_vec()],
            Stroke::Dashed => dashes(places),
        };
        for piece in pieces {
            let mut path: Vec<(i32, i32)> = piece.into_iter().map(units).collect();
            // Steps too small to see would make curves over many images needlessly large.
            path.dedup();
            self.backend.draw_path(path, &style).map_err(draw_error)?;
        }
        Ok(())
    }

    /// Fills the area within the corners.
    pub(super) fn polygon(
        &mut self,
        corners: &[Place],
        color: RGBColor,
        opacity: f64,
    ) -> Result<(), PlotError> {
        let style = ShapeStyle { color: color.mix(opacity), filled: true, stroke_width: 0 };
        self.backend.fill_polygon(corners.iter().copied().map(units), &style).map_err(draw_error)
    }

    /// Draws a circle with a white inside.
    pub(super) fn ring(
        &mut self,
        centre: Place,
        radius: f64,
        color: RGBColor,
    ) -> Result<(), PlotError> {
        let radius = (radius * UNITS).round() as u32;
        let fill = ShapeStyle { color: WHITE.to_rgba(), filled: true, stroke_width: 0 };
        self.backend.draw_circle(units(centre), radius, &fill, true).map_err(draw_error)?;
        let edge = ShapeStyle {
            color: color.to_rgba(),
            filled: false,
            stroke_width: (2.0 * UNITS).round() as u32,
        };
        self.backend.draw_circle(units(centre), radius, &edge, false).map_err(draw_error)
    }

    /// Writes one line of text; control characters, which XML forbids, become blanks.
    pub(super) fn text(&mut self, text: &str, place: Place, at: TextAt) -> Result<(), PlotError> {
        let (horizontal, vertical, transform) = match at {
            TextAt::Start => (HPos::Left, VPos::Center, FontTransform::None),
            TextAt::End => (HPos::Right, VPos::Center, FontTransform::None),
            TextAt::Below => (HPos::Center, VPos::Top, FontTransform::None),
            TextAt::Upwards => (HPos::Center, VPos::Top, FontTransform::Rotate270),
        };
        let font = ("sans-serif", LETTERS * UNITS * FONT_DIVISOR).into_font().transform(transform);
        let style = TextStyle::from(font).color(&INK).pos(Pos::new(horizontal, vertical));
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.backend.draw_text(&text, &style, units(place)).map_err(draw_error)
    }
}

fn units((x, y): Place) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

fn draw_error(source: impl Error + Send + Sync + 'static) -> PlotError {
    PlotError::Draw { source: Box::new(source) }
}

/// Cuts a path into dashes of 5 pixels with gaps of 4.
fn dashes(places: &[Place]) -> Vec<Vec<Place>> {
    const DASH: f64 = 5.0;
    const GAP: f64 = 4.0;
    let Some(&first) = places.first() else { return Vec::new() };
    let mut pieces = vec![vec![first]];
    let (mut drawing, mut left) = (true, DASH);
    for pair in places.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut at = 0.0;
        while length - at > left {
            at += left;
            let share = at / length;
            let place = (x0 + share * (x1 - x0), y0 + share * (y1 - y0));
            match (drawing, pieces.last_mut()) {
                (true, Some(piece)) => piece.push(place),
                _ => pieces.push(vec![place]),
            }
            drawing = !drawing;
            left = if drawing { DASH } else { GAP };
        }
        left -= length - at;
        if let (true, Some(piece)) = (drawing, pieces.last_mut()) {
            piece.push((x1, y1));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_alternate_along_corners() {
        let pieces = dashes(&[(0.0, 0.0), (7.0, 0.0), (7.0, 10.0)]);
        // Dash to 5, gap over the corner to 9, dash to 14, gap to the end at 17.
        let golden = vec![vec![(0.0, 0.0), (5.0, 0.0)], vec![(7.0, 2.0), (7.0, 7.0)]];
        assert_eq!(pieces, golden);
    }

    #[test]
    fn a_document_states_its_size_in_pixels_and_escapes_text() {
        let svg = draw_svg((100.0, 50.0), "a test", |canvas| {
            canvas.text("a < b & \u{0}c", (10.0, 10.0), TextAt::Start)
        })
        .expect("drawing in memory");
        assert!(svg.starts_with("<svg width=\"100\" height=\"50\" role=\"img\""), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 400 200\"") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("a &lt; b &amp;  c"), "{svg}");
    }
}
