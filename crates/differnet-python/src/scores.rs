//! Iterator over the results of many images.

use std::collections::VecDeque;
use std::sync::Arc;

use differnet::scoring::AnomalyMap;
use differnet::{Error, ImageScore};
use differnet_data::ImageError;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::error::{of_differnet, of_image};
use crate::images::Image;
use crate::interrupt;
use crate::loaded::Loaded;
use crate::result::PyResultOf;

/// Kind of result that is wanted for each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Scores,
    Maps,
}

/// Results in the order of the images, a batch in memory at a time.
#[pyclass(module = "differnet", name = "Results")]
pub(crate) struct Results {
    model: Arc<Loaded>,
    images: Py<PyIterator>,
    wanted: Wanted,
    batch_size: usize,
    /// Whether an unusable image gives its exception as a result instead of raising it.
    yields_errors: bool,
    ready: VecDeque<PyResult<Py<PyAny>>>,
    /// Images pulled so far.
    count: usize,
    ended: bool,
}

/// Score of one image, and its map if it is wanted; or what is wrong with the image.
type Scored = Result<(ImageScore, Option<AnomalyMap>), ImageError>;

impl Results {
    pub(crate) fn new(
        model: Arc<Loaded>,
        images: &Bound<'_, PyAny>,
        wanted: Wanted,
        batch_size: usize,
        yields_errors: bool,
    ) -> PyResult<Self> {
        let images = images.try_iter()?.unbind();
        let (ready, count, ended) = (VecDeque::new(), 0, false);
        Ok(Self { model, images, wanted, batch_size, yields_errors, ready, count, ended })
    }

    /// Pulls a batch of images and scores it.
    fn fill(&mut self, py: Python<'_>) -> PyResult<()> {
        let mut batch = Vec::with_capacity(self.batch_size.min(1024));
        let mut images = self.images.bind(py).clone();
        let mut failed = None;
        while batch.len() < self.batch_size && failed.is_none() {
            match images.next() {
                None => {
                    self.ended = true;
                    break;
                }
                Some(object) => match object.and_then(|object| Image::new(&object, self.count)) {
                    Ok(image) => batch.push(image),
                    Err(error) => failed = Some(error),
                },
            }
            self.count += 1;
        }
        if !batch.is_empty() {
            self.score(py, &batch)?;
        }
        if let Some(error) = failed {
            // What was pulled before it has its results first; what comes after is not asked for.
            self.ended = true;
            self.ready.push_back(Err(error));
        }
        Ok(())
    }

    fn score(&mut self, py: Python<'_>, batch: &[Image]) -> PyResult<()> {
        let (model, wanted) = (&self.model, self.wanted);
        let (header, scored) = interrupt::run(py, model.threads(), None, |monitor| {
            model.read(|model| {
                let inputs = batch.iter().map(Image::input);
                let mut scored: Vec<Scored> = Vec::with_capacity(batch.len());
                let mut take = |found: Result<_, Error>| -> PyResult<()> {
                    scored.push(Error::per_image(found).map_err(of_differnet)?);
                    monitor.cancel_token().check().map_err(|error| of_differnet(error.into()))
                };
                match wanted {
                    Wanted::Scores => model
                        .scores(inputs)
                        .try_for_each(|score| take(score.map(|score| (score, None))))?,
                    Wanted::Maps => {
                        let mut maps = model.maps(inputs).map_err(of_differnet)?;
                        maps.try_for_each(|map| take(map.map(|map| (map.score, Some(map.map)))))?
                    }
                }
                Ok((model.header().clone(), scored))
            })
        })??;
        // Maps of images from memory would need the images: a list of results would keep them all.
        for (image, scored) in batch.iter().zip(scored) {
            let source = image.path().map(|_| self.model.clone());
            let result = match scored {
                Ok((score, map)) => {
                    let result = PyResultOf::new(&header, image, &score, source);
                    let result = match map {
                        Some(map) => result.with_map(py, map)?,
                        None => result,
                    };
                    Ok(Py::new(py, result)?.into_any())
                }
                Err(error) if self.yields_errors => Ok(of_image(&error).into_value(py).into_any()),
                Err(error) => Err(of_image(&error)),
            };
            self.ready.push_back(result);
        }
        Ok(())
    }
}

#[pymethods]
impl Results {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if self.ready.is_empty() && !self.ended {
            self.fill(py)?;
        }
        self.ready.pop_front().transpose()
    }
}
