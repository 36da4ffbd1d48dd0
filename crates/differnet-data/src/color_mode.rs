//! Colour mode of a file: grey or colour, transparency, bit depth.

use std::fmt;

use image::ColorType;

/// Colour mode of an image's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColorMode {
    /// Whether red, green and blue are told apart.
    pub colored: bool,
    /// Whether there is a channel of transparency; it is not looked at.
    pub transparent: bool,
    /// Bits of a sample; palettes count as what they stand for.
    pub bits: u16,
}

impl ColorMode {
    pub(crate) fn of(color: ColorType) -> Self {
        Self {
            colored: color.has_color(),
            transparent: color.has_alpha(),
            bits: color.bits_per_pixel() / u16::from(color.channel_count()),
        }
    }
}

impl fmt::Display for ColorMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let color = if self.colored { "colour" } else { "grey" };
        let transparency = if self.transparent { " with transparency" } else { "" };
        write!(formatter, "{color}{transparency}, {} bits", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_told_by_name() {
        for (color, golden) in [
            (ColorType::L8, "grey, 8 bits"),
            (ColorType::La16, "grey with transparency, 16 bits"),
            (ColorType::Rgb8, "colour, 8 bits"),
            (ColorType::Rgba32F, "colour with transparency, 32 bits"),
        ] {
            assert_eq!(ColorMode::of(color).to_string(), golden);
        }
    }
}
