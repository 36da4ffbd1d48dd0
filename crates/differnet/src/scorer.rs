//! The interface between a model and its method.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use differnet_data::{ImageError, ImageInput};
use differnet_flow::AuxiliaryTensor;
use differnet_onnx::Graph;

use crate::error::Error;
use crate::export::{GraphEntry, GraphResult};
use crate::header::Header;
use crate::localization::Localizer;
use crate::method::PlaceView;
use crate::runtime::Runtime;
use crate::score::{ImageScore, ScoreConfig};
use crate::training::Training;

/// Context of scoring: all that a score depends on besides the images.
#[derive(Debug, Clone, Copy)]
pub struct Scoring<'a> {
    /// Runtime that the model computes with.
    pub runtime: &'a Runtime,
    /// Header of the model: transforms, regions, thresholds.
    pub header: &'a Header,
    /// Settings of scoring.
    pub config: &'a ScoreConfig,
}

/// The scores of images that were read, by `score`; what could not be read keeps its error.
pub(crate) fn score_each<Image>(
    read: Vec<Result<Image, ImageError>>,
    score: impl Fn(Image) -> Result<ImageScore, Error>,
) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
    let one = |image: Result<Image, ImageError>| match image {
        Ok(image) => score(image).map(Ok),
        Err(error) => Ok(Err(error)),
    };
    read.into_iter().map(one).collect()
}

/// A method after new good images were taken in.
#[derive(Debug)]
pub struct Updated {
    /// The method.
    pub scorer: Box<dyn Scorer>,
    /// Scores of the new images, each by a method that had not seen it.
    pub scores: Vec<f64>,
    /// The largest values of their maps.
    pub peaks: Vec<f64>,
    /// Their mean features, `[images][features]`.
    pub mean_features: Vec<Vec<f64>>,
    /// Facts of the model that are others now: names and values.
    pub facts: Vec<(String, String)>,
}

/// A fitted method: scores images and lives in a model file.
pub trait Scorer: Debug + Send + Sync {
    /// The score of each image of a small batch, or why it has none.
    ///
    /// Equal bytes score the same, from a file or from memory, alone or among others.
    ///
    /// # Errors
    /// [`Error`] if no image can be scored so.
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error>;

    /// The method as one that says where a defect is; `None` if it cannot.
    fn localizer(&self) -> Option<&dyn Localizer> {
        None
    }

    /// The scores of rows of features, row-major `[rows, features]`; `None` for methods that look at
    /// something else.
    fn row_scores(&self, _rows: &[f32]) -> Option<Vec<f64>> {
        None
    }

    /// The numbers that describe places to the method; `None` for methods that see images as a whole.
    fn place_view(&self) -> Option<PlaceView> {
        None
    }

    /// The method with the new good images `files` taken in, without those it was fitted to; `known` images
    /// are behind its scales. `None` if it can only be fitted anew.
    fn updated(
        &self,
        _training: &Training<'_>,
        _files: &[PathBuf],
        _known: usize,
    ) -> Option<Result<Updated, Error>> {
        None
    }

    /// Adds the method to a graph of ONNX.
    ///
    /// # Errors
    /// The reason why the graph cannot express it, with a remedy.
    fn export(
        &self,
        _graph: &mut Graph,
        _entry: &GraphEntry<'_>,
        _header: &Header,
    ) -> Result<GraphResult, String> {
        let text = "its network has no form there: train local-flow, patchcore, padim, differnet, 1nn or ocsvm";
        Err(text.into())
    }

    /// Width and height of an image of width and height `size` as the network sees it; `None` for squares of
    /// [`IMAGE_SIZE`](differnet_features::IMAGE_SIZE).
    fn seen_size(&self, _size: (u32, u32)) -> Option<(u32, u32)> {
        None
    }

    /// Writes the method's numbers with `metadata` to `path`; a complete file or none.
    ///
    /// - `network`: the weights of a loaded network, which the file holds as well; none for methods that see
    ///   only networks whose weights are compiled in
    ///
    /// # Errors
    /// [`Error`] if the file cannot be written.
    fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        network: &[AuxiliaryTensor],
    ) -> Result<(), Error>;
}
