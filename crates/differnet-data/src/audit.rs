//! Audit of a data set's files: damage, masks that do not fit, copies.

use std::path::Path;

pub use crate::color_mode::ColorMode;
pub use crate::copies::{Copies, Likeness, Split};
pub use crate::inspection::{Inspection, StoredImage};
pub use crate::outlier::Outlier;

use crate::copies::{Known, find_copies};
use crate::decode::DecodeLimits;
use crate::examine::{Examined, MaskFacts, Note, examine_images};
use crate::layouts::masked::MaskedImage;
use crate::load::BadImage;
use crate::mask::{MaskError, implausible};

/// An image to audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditImage {
    /// The image and its mask.
    pub files: MaskedImage,
    /// Split that it belongs to.
    pub split: Split,
    /// Whether it shows no defect, so that its mask has to be black.
    pub good: bool,
}

/// Faults of a data set's files; all empty if there are none.
#[derive(Debug, Default)]
pub struct Audit {
    /// Images and masks that cannot be read, in the order given.
    pub damaged: Vec<BadImage>,
    /// Masks that do not fit their images, in the order given.
    pub masks: Vec<MaskError>,
    /// Images that one split holds twice, sorted.
    pub copies: Vec<Copies>,
    /// Images that both splits hold, sorted.
    pub leaks: Vec<Copies>,
}

impl Audit {
    /// Reads every image and mask once, in parallel, and says what is wrong with them.
    ///
    /// - `seen`: called after each image, from any thread
    pub fn of(images: &[AuditImage], limits: &DecodeLimits, seen: &(dyn Fn() + Sync)) -> Self {
        audit_and_note(images, limits, &|_, _| (), seen).0
    }
}

/// As [`Audit::of`]; also what `note` noted of each image, `None` of one that cannot be read.
pub(crate) fn audit_and_note<T: Send>(
    images: &[AuditImage],
    limits: &DecodeLimits,
    note: &Note<'_, T>,
    seen: &(dyn Fn() + Sync),
) -> (Audit, Vec<Option<T>>) {
    let files: Vec<&MaskedImage> = images.iter().map(|image| &image.files).collect();
    let mut audit = Audit::default();
    let (mut known, mut notes) = (Vec::new(), Vec::new());
    for (image, Examined { image: facts, mask }) in
        images.iter().zip(examine_images(&files, limits, note, seen))
    {
        let AuditImage { files: MaskedImage { image: path, mask: drawn }, split, good } = image;
        let size = match facts {
            Ok((facts, noted)) => {
                known.push(Known { split: *split, path, facts });
                notes.push(Some(noted));
                Some(facts.size)
            }
            Err(error) => {
                notes.push(None);
                audit.damaged.push(BadImage { path: path.clone(), error });
                None
            }
        };
        match (mask, drawn) {
            (Some(Ok(mask)), Some(drawn)) => {
                audit.masks.extend(unfitting(drawn.path(), &mask, size, *good));
            }
            (Some(Err(MaskError::Image(error))), _) => {
                audit.damaged.push(BadImage { path: error.path().to_path_buf(), error });
            }
            (Some(Err(error)), _) => audit.masks.push(error),
            _ => {}
        }
    }
    let found = find_copies(&known);
    audit.copies = found.copies;
    audit.leaks = found.leaks;
    (audit, notes)
}

/// Fault of a mask that does not fit; `size` is its image's, unknown if that is damaged.
fn unfitting(
    path: &Path,
    mask: &MaskFacts,
    size: Option<(u32, u32)>,
    good: bool,
) -> Option<MaskError> {
    let path = path.to_path_buf();
    let (width, height) = mask.size;
    match size {
        Some(image) if image != mask.size => Some(MaskError::Size { path, width, height, image }),
        _ if good && mask.defective > 0 => Some(MaskError::OnGoodImage { path }),
        _ if good => None,
        _ => implausible(&path, mask.defective, width as usize * height as usize),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use image::{Rgb, RgbImage};

    use super::*;
    use crate::mask::Mask;
    use crate::test_tree::tree;

    #[test]
    fn everything_wrong_is_found_once() {
        let root = tree(&["damaged.png"]);
        let at = |name: &str| root.path().join(name);
        let paint = |name: &str, width, level| {
            RgbImage::from_pixel(width, 4, Rgb([level; 3])).save(at(name)).unwrap();
            at(name)
        };
        let white = paint("white.png", 4, 255);
        let black = paint("black.png", 4, 0);
        let wide = paint("wide.png", 5, 255);
        let half = at("half.png");
        RgbImage::from_fn(4, 4, |x, _| Rgb([if x < 2 { 255 } else { 0 }; 3])).save(&half).unwrap();
        let item = |image: PathBuf, mask: Option<&PathBuf>, split, good| AuditImage {
            files: MaskedImage { image, mask: mask.cloned().map(Mask::half_white) },
            split,
            good,
        };
        fs::copy(paint("t0.png", 4, 10), at("t1.png")).unwrap();
        fs::copy(at("t0.png"), at("leak.png")).unwrap();
        let images = [
            item(at("t0.png"), Some(&white), Split::Train, true),
            item(at("t1.png"), Some(&black), Split::Train, true),
            item(at("leak.png"), None, Split::Test, true),
            item(paint("d0.png", 4, 20), Some(&black), Split::Test, false),
            item(paint("d1.png", 4, 30), Some(&wide), Split::Test, false),
            item(paint("d2.png", 4, 40), Some(&half), Split::Test, false),
            item(paint("d3.png", 4, 50), Some(&white), Split::Test, false),
            item(at("damaged.png"), Some(&at("damaged.png")), Split::Test, false),
        ];
        let audit = Audit::of(&images, &DecodeLimits::default(), &|| {});
        let damaged: Vec<_> = audit.damaged.iter().map(|bad| &bad.path).collect();
        assert_eq!(damaged, [&at("damaged.png"), &at("damaged.png")]);
        let masks: Vec<_> = audit.masks.iter().map(ToString::to_string).collect();
        assert_eq!(masks.len(), 4, "{masks:?}");
        assert!(masks[0].contains("white.png marks a defect, but its image is a good one"));
        assert!(masks[1].contains("black.png marks no pixel"));
        assert!(masks[2].contains("wide.png has 5×4 pixels, its image 4×4"));
        assert!(masks[3].contains("white.png marks every pixel"));
        let copies = Copies {
            train: vec![at("t0.png"), at("t1.png")],
            test: Vec::new(),
            likeness: Likeness::Bytes,
        };
        let leak = Copies { test: vec![at("leak.png")], ..copies.clone() };
        assert_eq!((audit.copies, audit.leaks), (vec![copies], vec![leak]));
    }
}
