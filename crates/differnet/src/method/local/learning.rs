//! Updates of a flow by batches of places.

use differnet_flow::{FlowInput, Trainer};

use super::gathered::GoodImage;
use super::input::positions;
use super::plan::{FlowTraining, POSITION};
use crate::error::Error;

/// Rows of an update, and where each lies.
#[derive(Debug, Default, Clone)]
pub(super) struct Batch {
    /// `[rows, components]`
    pub(super) rows: Vec<f32>,
    /// `[rows, 32]`
    pub(super) condition: Vec<f32>,
}

/// All updates of a training; `batch` makes the batch of an update while the flow learns from the one before,
/// `done` hears of each update and its loss.
pub(super) fn learn(
    trainer: &mut Trainer,
    own: &FlowTraining,
    mut batch: impl FnMut(usize) -> Batch + Send,
    mut done: impl FnMut(usize, f64) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut next = batch(0);
    for update in 0..own.updates {
        let Batch { rows, condition } = next;
        trainer.set_learning_rate(own.learning_rate_at(update));
        let input = FlowInput { rows: &rows, condition: &condition };
        let (report, batch) = rayon::join(|| trainer.step(input), || batch(update + 1));
        next = batch;
        done(update, report?.loss)?;
    }
    Ok(())
}

/// Positions of the places of each shape of grid.
pub(super) struct Positions {
    /// The number of each image's grid.
    of_images: Vec<usize>,
    /// `[places, 32]`
    grids: Vec<((usize, usize), Vec<f32>)>,
}

impl Positions {
    pub(super) fn of(images: &[&GoodImage]) -> Self {
        let mut grids: Vec<((usize, usize), Vec<f32>)> = Vec::new();
        let of_image = |image: &&GoodImage| {
            let shape = image.grid.shape();
            let known = grids.iter().position(|(known, _)| *known == shape);
            known.unwrap_or_else(|| {
                grids.push((shape, positions(shape)));
                grids.len() - 1
            })
        };
        let of_images = images.iter().map(of_image).collect();
        Self { of_images, grids }
    }

    /// The position of a place of an image.
    pub(super) fn at(&self, image: usize, place: usize) -> &[f32] {
        &self.grids[self.of_images[image]].1[place * POSITION..][..POSITION]
    }
}
