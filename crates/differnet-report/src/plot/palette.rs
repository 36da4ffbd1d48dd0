//! Colours that remain distinct under every common colour blindness (Okabe and Ito, 2008).

use plotters::style::RGBColor;

/// Good images, training loss, first curve.
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
/// Defects, validation loss, second curve.
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
/// Images without a label.
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
/// Curves in order; yellow is left out because it vanishes on white.
pub(super) const CURVES: [RGBColor; 7] = [
    BLUE,
    VERMILION,
    GREEN,                   // bluish
    RGBColor(204, 121, 167), // reddish purple
    RGBColor(230, 159, 0),   // orange
    RGBColor(86, 180, 233),  // sky blue
    RGBColor(0, 0, 0),
];
/// Letters.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// Axes, reference lines.
pub(super) const GREY: RGBColor = RGBColor(120, 120, 120);
/// Lines behind the data.
pub(super) const GRID: RGBColor = RGBColor(228, 228, 228);
