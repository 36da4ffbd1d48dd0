//! Small pictures of one image: as it is, and under its map.

use differnet_scoring::AnomalyMap;
use image::RgbImage;

use super::picture::{EncodedImage, small_picture};
use crate::overlay::overlay;

/// Small pictures of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePictures {
    /// The image.
    pub thumbnail: EncodedImage,
    /// The image under its map; `None` where there is no map.
    pub overlay: Option<EncodedImage>,
}

impl ImagePictures {
    /// Pictures of an image that has no map.
    ///
    /// # Panics
    /// If `image` has no pixels.
    pub fn without_map(image: &RgbImage) -> Self {
        Self { thumbnail: EncodedImage::small(image), overlay: None }
    }

    /// Pictures of `image`, and of what the model saw of it, `seen`, under its map.
    ///
    /// - `top`: the value at which the colours of the map end
    ///
    /// # Panics
    /// If an image has no pixels.
    pub fn with_map(image: &RgbImage, seen: &RgbImage, map: &AnomalyMap, top: f32) -> Self {
        let seen = small_picture(seen);
        let map = map.resized(seen.width() as usize, seen.height() as usize);
        let over = overlay(&seen, map.values(), top);
        Self { overlay: Some(EncodedImage::small(&over)), ..Self::without_map(image) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_lies_on_what_the_model_saw() {
        let (image, seen) = (RgbImage::new(40, 30), RgbImage::from_pixel(40, 30, [90; 3].into()));
        let pictures = |strength: f32| {
            let map = AnomalyMap::new(40, vec![strength; 40 * 30]);
            ImagePictures::with_map(&image, &seen, &map, 1.0)
        };
        assert_eq!(pictures(0.0).thumbnail, EncodedImage::small(&image));
        assert_eq!(pictures(0.0).overlay, Some(EncodedImage::small(&seen)));
        assert_ne!(pictures(1.0).overlay, pictures(0.0).overlay);
        assert_eq!(ImagePictures::without_map(&image).overlay, None);
    }
}
