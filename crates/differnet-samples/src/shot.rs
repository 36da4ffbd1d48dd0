//! One image of the sample data set: what it shows, under which name, from which draws.

use std::path::{Path, PathBuf};

use differnet_random::ItemStream;
use image::{DynamicImage, ImageFormat};

use crate::brushed_metal::{self, BrushedMetal};
use crate::camera::{Part, Photograph, photograph};
use crate::dataset::SampleConfig;
use crate::error::SampleError;
use crate::fabric::{self, Fabric};
use crate::hex_nut::{self, HexNut};

/// Category of sample images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    BrushedMetal,
    Fabric,
    HexNut,
}

impl Category {
    /// Its folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BrushedMetal => "brushed_metal",
            Self::Fabric => "fabric",
            Self::HexNut => "hex_nut",
        }
    }

    /// The names of its kinds of defects, sorted.
    pub(crate) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::BrushedMetal => &brushed_metal::KINDS,
            Self::Fabric => &fabric::KINDS,
            Self::HexNut => &hex_nut::KINDS,
        }
    }

    /// A part of its own, drawn from `random`; the defect from `flaw`, so that it changes no more.
    fn part(
        self,
        kind: Option<usize>,
        random: &mut ItemStream,
        flaw: &mut ItemStream,
    ) -> Box<dyn Part> {
        match (self, kind) {
            (Self::BrushedMetal, None) => Box::new(BrushedMetal::draw(random)),
            (Self::BrushedMetal, Some(kind)) => {
                Box::new(BrushedMetal::draw(random).damaged(kind, flaw))
            }
            (Self::Fabric, None) => Box::new(Fabric::draw(random)),
            (Self::Fabric, Some(kind)) => Box::new(Fabric::draw(random).damaged(kind, flaw)),
            (Self::HexNut, None) => Box::new(HexNut::draw(random)),
            (Self::HexNut, Some(kind)) => Box::new(HexNut::draw(random).damaged(kind, flaw)),
        }
    }
}

/// One image to be written.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    category: Category,
    /// Folder below the category: `train/good` or `test/KIND`.
    folder: String,
    /// Index among the category's kinds of defects; `None` for a good part.
    kind: Option<usize>,
    index: usize,
}

impl Shot {
    pub(crate) fn photograph(&self, config: &SampleConfig) -> Photograph {
        let item = format!("{}/{}/{}", self.category.name(), self.folder, self.index);
        let mut random = ItemStream::of_item(config.seed, "sample/part", item.as_bytes());
        let mut flaw = ItemStream::of_item(config.seed, "sample/flaw", item.as_bytes());
        let part = self.category.part(self.kind, &mut random, &mut flaw);
        photograph(part.as_ref(), config.size, &mut random)
    }

    /// Writes the image and, if there is a defect, its mask below the category's folder `root`.
    pub(crate) fn write(&self, root: &Path, config: &SampleConfig) -> Result<(), SampleError> {
        let Photograph { image, mask } = self.photograph(config);
        let path = root.join(&self.folder).join(format!("{:03}.png", self.index));
        save(&DynamicImage::ImageRgb8(image), path)?;
        if let Some(kind) = self.kind {
            let folder = root.join("ground_truth").join(self.category.kinds()[kind]);
            save(
                &DynamicImage::ImageLuma8(mask),
                folder.join(format!("{:03}_mask.png", self.index)),
            )?;
        }
        Ok(())
    }
}

/// All images of a category.
pub(crate) fn shots(category: Category, config: &SampleConfig) -> Vec<Shot> {
    let mut shots = Vec::new();
    let mut add = |folder: String, kind, count| {
        shots.extend((0..count).map(|index| Shot {
            category,
            folder: folder.clone(),
            kind,
            index,
        }));
    };
    add("train/good".to_owned(), None, config.train);
    add("test/good".to_owned(), None, config.test_good);
    for (kind, name) in category.kinds().iter().enumerate() {
        add(format!("test/{name}"), Some(kind), config.test_defect_per_kind);
    }
    shots
}

fn save(image: &DynamicImage, path: PathBuf) -> Result<(), SampleError> {
    image
        .save_with_format(&path, ImageFormat::Png)
        .map_err(|source| SampleError::Encode { path, source })
}

#[cfg(test)]
mod tests {
    use differnet_data::ContentHash;

    use super::*;

    const CATEGORIES: [Category; 3] = [Category::BrushedMetal, Category::Fabric, Category::HexNut];

    /// Spread of a defect by the lens: one pixel.
    const BLUR: i64 = 1;

    fn config(seed: u64) -> SampleConfig {
        SampleConfig { seed, size: 128, train: 1, test_good: 1, test_defect_per_kind: 2 }
    }

    #[test]
    fn a_defect_changes_what_its_mask_shows_and_nothing_else() {
        for shot in CATEGORIES.into_iter().flat_map(|category| shots(category, &config(3))) {
            let defective = shot.photograph(&config(3));
            let twin = Shot { kind: None, ..shot.clone() }.photograph(&config(3));
            assert!(twin.mask.iter().all(|&level| level == 0), "{shot:?}");
            let inside = |x: u32, y: u32| {
                let near = |d: i64| d - BLUR..=d + BLUR;
                near(y.into()).any(|y| {
                    near(x.into()).any(|x| {
                        let at = |value: i64| u32::try_from(value).ok().filter(|&v| v < 128);
                        at(x).zip(at(y)).is_some_and(|(x, y)| defective.mask[(x, y)].0 == [255])
                    })
                })
            };
            let mut changed = 0;
            for (x, y, pixel) in defective.image.enumerate_pixels() {
                if pixel != &twin.image[(x, y)] {
                    changed += 1;
                    assert!(inside(x, y), "{shot:?}: pixel {x}, {y} changed outside the mask");
                }
            }
            let masked = defective.mask.iter().filter(|&&level| level == 255).count();
            assert_eq!(masked > 0, shot.kind.is_some(), "{shot:?}");
            assert!(changed * 2 >= masked, "{shot:?}: {changed} of {masked} pixels changed");
            assert!(masked < 128 * 128 / 6, "{shot:?}: {masked} pixels are no local defect");
        }
    }

    #[test]
    fn seed_and_index_each_change_the_image() {
        for category in CATEGORIES {
            let image = |seed: u64, index: usize| {
                let folder = "train/good".to_owned();
                Shot { category, folder, kind: None, index }.photograph(&config(seed)).image
            };
            assert_eq!(image(1, 0), image(1, 0));
            assert_ne!(image(1, 0), image(2, 0));
            assert_ne!(image(1, 0), image(1, 1));
        }
    }

    #[test]
    fn pixels_are_the_same_on_every_machine() {
        let mut pixels = Vec::new();
        for shot in CATEGORIES.into_iter().flat_map(|category| shots(category, &config(0))) {
            let Photograph { image, mask } = shot.photograph(&config(0));
            pixels.extend(image.into_raw());
            pixels.extend(mask.into_raw());
        }
        // From a first run: a change of it changes everybody's sample, so raise the note's version.
        let golden = "e7324ab414146b9ed34f399a0ee2924ba9c501ce4b94b3db236af99bc9738e2c";
        assert_eq!(ContentHash::of(&pixels).to_string(), golden);
    }
}
