//! Frame of a plot: legend above, axes with ticks, grid.

use plotters::style::RGBColor;

use super::PlotError;
use super::axis::Axis;
use super::canvas::{Canvas, Place, Stroke, TextAt, draw_svg};
use super::palette::{GREY, GRID};

/// Room for tick labels and titles around the plot area, in pixels.
const LEFT: f64 = 78.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 58.0;
const TOP: f64 = 16.0;
/// Height of a legend row, its symbol's width, and a generous width of a letter, in pixels.
const ROW: f64 = 22.0;
const SYMBOL: f64 = 22.0;
const LETTER: f64 = 8.2;

/// Width of the area of plots that a phone shows with letters still large enough, in pixels.
pub(super) const NARROW: f64 = 340.0;

/// Symbol before a legend text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Symbol {
    /// A curve or reference line.
    Line(RGBColor, Stroke),
    /// A filled bar.
    Bar(RGBColor),
    /// A pale area around a curve.
    Band(RGBColor),
    /// A marked point.
    Ring(RGBColor),
}

impl Symbol {
    /// Opacity of a [`Symbol::Band`]: the grid and the curve show through.
    pub(super) const BAND_OPACITY: f64 = 0.2;
}

/// One line of explanation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LegendEntry {
    /// Symbol of the data in the plot.
    pub(super) symbol: Symbol,
    /// Kind of the finding.
    pub(super) text: String,
}

/// Cell of a legend entry; left edge and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LegendCell {
    x: f64,
    row: usize,
    width: f64,
}

/// Everything around the data of one plot.
#[derive(Debug)]
pub(super) struct Frame {
    /// Width and height of the area for data, in pixels.
    pub(super) area: (f64, f64),
    /// Horizontal axis.
    pub(super) x: Axis,
    /// Vertical axis.
    pub(super) y: Axis,
    /// Drawn above the area, so that it never covers data.
    pub(super) legend: Vec<LegendEntry>,
}

impl Frame {
    /// Draws the frame, then the data on top of it, into a new document.
    ///
    /// # Errors
    /// Whatever `draw` returns.
    pub(super) fn draw(
        &self,
        description: &str,
        draw: impl FnOnce(&mut Canvas<'_>) -> Result<(), PlotError>,
    ) -> Result<String, PlotError> {
        let height = self.top() + self.area.1 + BOTTOM;
        draw_svg((LEFT + self.area.0 + RIGHT, height), description, |canvas| {
            self.draw_legend(canvas)?;
            self.draw_axes(canvas)?;
            draw(canvas)
        })
    }

    /// Place of a pair of values on the sheet, in pixels.
    pub(super) fn place(&self, x: f64, y: f64) -> Place {
        (LEFT + self.x.share(x) * self.area.0, self.top() + (1.0 - self.y.share(y)) * self.area.1)
    }

    /// Upper edge of the area for data.
    fn top(&self) -> f64 {
        match self.legend_cells().last() {
            Some(cell) => TOP + (cell.row + 1) as f64 * ROW + 6.0,
            None => TOP,
        }
    }

    /// Cells of the legend: one row if the entries fit, else columns of equal width.
    fn legend_cells(&self) -> Vec<LegendCell> {
        let widths: Vec<f64> = self
            .legend
            .iter()
            .map(|entry| SYMBOL + 16.0 + entry.text.chars().count() as f64 * LETTER)
            .collect();
        if widths.iter().sum::<f64>() <= self.area.0 {
            let mut x = LEFT;
            let cell = |width: &f64| {
                x += width;
                LegendCell { x: x - width, row: 0, width: *width }
            };
            return widths.iter().map(cell).collect();
        }
        let widest = widths.iter().copied().fold(0.0, f64::max);
        let columns = ((self.area.0 / widest) as usize).max(1);
        let width = self.area.0 / columns as f64;
        (0..widths.len())
            .map(|index| LegendCell {
                x: LEFT + (index % columns) as f64 * width,
                row: index / columns,
                width,
            })
            .collect()
    }

    fn draw_legend(&self, canvas: &mut Canvas<'_>) -> Result<(), PlotError> {
        for (entry, cell) in self.legend.iter().zip(self.legend_cells()) {
            let (x, y) = (cell.x, TOP + (cell.row as f64 + 0.5) * ROW);
            let letters = ((cell.width - SYMBOL - 16.0) / LETTER).round() as usize;
            let line = [(x, y), (x + SYMBOL, y)];
            match entry.symbol {
                Symbol::Line(color, stroke) => canvas.line(&line, color, 2.0, stroke)?,
                Symbol::Bar(color) => {
                    let (left, right, upper, lower) = (x + 5.0, x + SYMBOL - 5.0, y - 6.0, y + 6.0);
                    let corners = [
                        (left, upper),
                        (right, upper),
                        (right, lower),
                        (left, lower),
                        (left, upper),
                    ];
                    canvas.polygon(&corners, color, 0.45)?;
                    canvas.line(&corners, color, 1.5, Stroke::Solid)?;
                }
                Symbol::Band(color) => {
                    let (upper, lower) = (y - 6.0, y + 6.0);
                    let corners =
                        [(x, upper), (x + SYMBOL, upper), (x + SYMBOL, lower), (x, lower)];
                    canvas.polygon(&corners, color, Symbol::BAND_OPACITY)?;
                }
                Symbol::Ring(color) => canvas.ring((x + SYMBOL / 2.0, y), 4.5, color)?,
            }
            canvas.text(&shortened(&entry.text, letters), (x + SYMBOL + 8.0, y), TextAt::Start)?;
        }
        Ok(())
    }

    fn draw_axes(&self, canvas: &mut Canvas<'_>) -> Result<(), PlotError> {
        let (left, top) = self.place(self.x.low, self.y.high);
        let (right, bottom) = self.place(self.x.high, self.y.low);
        for tick in &self.y.ticks {
            let (_, y) = self.place(self.x.low, tick.value);
            canvas.line(&[(left, y), (right, y)], GRID, 1.0, Stroke::Solid)?;
            canvas.text(&tick.label, (left - 8.0, y), TextAt::End)?;
        }
        for tick in &self.x.ticks {
            let (x, _) = self.place(tick.value, self.y.low);
            canvas.line(&[(x, bottom), (x, bottom + 5.0)], GREY, 1.0, Stroke::Solid)?;
            canvas.text(&tick.label, (x, bottom + 9.0), TextAt::Below)?;
        }
        canvas.line(&[(left, top), (left, bottom), (right, bottom)], GREY, 1.0, Stroke::Solid)?;
        canvas.text(&self.x.title, ((left + right) / 2.0, bottom + 34.0), TextAt::Below)?;
        canvas.text(&self.y.title, (12.0, (top + bottom) / 2.0), TextAt::Upwards)
    }
}

/// The text, cut with an ellipsis if it has more letters than fit.
fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(texts: &[&str]) -> Frame {
        let entry =
            |text: &&str| LegendEntry { symbol: Symbol::Bar(GREY), text: (*text).to_owned() };
        Frame {
            area: (400.0, 300.0),
            x: Axis::new("x", "", 0.0, 10.0, 5),
            y: Axis::new("y", "", 0.0, 1.0, 5),
            legend: texts.iter().map(entry).collect(),
        }
    }

    #[test]
    fn the_legend_takes_rows_above_the_area() {
        assert_eq!(frame(&[]).place(0.0, 1.0), (LEFT, TOP));
        // Two short entries share a row, two long ones do not.
        assert_eq!(frame(&["good", "defect"]).place(0.0, 1.0).1, TOP + ROW + 6.0);
        let long = "a method with quite a long name";
        assert_eq!(frame(&[long, long]).place(10.0, 1.0).1, TOP + 2.0 * ROW + 6.0);
    }

    #[test]
    fn overlong_legend_texts_are_cut() {
        let svg = frame(&[&"w".repeat(200)]).draw("test", |_| Ok(())).expect("in memory");
        assert!(svg.contains("ww…"));
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
    }
}
