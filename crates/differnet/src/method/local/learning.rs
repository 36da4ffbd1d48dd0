//! Updates of a flow by batches of places.

use differnet_flow::{BatchOrder, FlowInput, Trainer, add_noise};

use super::gathered::{GoodImage, counted_places};
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

/// The updates of a training that are left; `batch` makes the batch of an update while the flow learns from
/// the one before, `done` hears of each update and its loss.
pub(super) fn learn(
    trainer: &mut Trainer,
    own: &FlowTraining,
    mut batch: impl FnMut(usize) -> Batch + Send,
    mut done: impl FnMut(&Trainer, f64) -> Result<(), Error>,
) -> Result<(), Error> {
    let made = usize::try_from(trainer.steps()).unwrap_or(usize::MAX).min(own.updates);
    let mut next = if made < own.updates { batch(made) } else { Batch::default() };
    for update in made..own.updates {
        let Batch { rows, condition } = next;
        trainer.set_learning_rate(own.learning_rate_at(update));
        let input = FlowInput { rows: &rows, condition: &condition };
        let (report, batch) = rayon::join(|| trainer.step(input), || batch(update + 1));
        next = batch;
        done(trainer, report?.loss)?;
    }
    Ok(())
}

/// Batches of the places of good images, in random order, with noise.
pub(super) struct PlaceBatches<'a> {
    images: &'a [&'a GoodImage],
    view: usize,
    /// Image and place.
    places: Vec<(u32, u32)>,
    positions: Positions,
    order: BatchOrder,
    seed: u64,
    noise: Vec<f32>,
}

impl<'a> PlaceBatches<'a> {
    /// Batches of `size` places as `view` sees them, in `components` numbers.
    pub(super) fn new(
        images: &'a [&'a GoodImage],
        (view, components): (usize, usize),
        size: usize,
        noise: f64,
        seed: u64,
    ) -> Self {
        let places = counted_places(images);
        let order = BatchOrder::new(seed, places.len(), size);
        let noise = vec![noise as f32; components];
        Self { images, view, positions: Positions::of(images), places, order, seed, noise }
    }

    /// The batch of update `update`.
    pub(super) fn batch(&mut self, update: usize) -> Batch {
        let mut batch = Batch::default();
        for &at in self.order.batch(update as u64) {
            let (image, place) = (self.places[at].0 as usize, self.places[at].1 as usize);
            self.images[image].extend(self.view, place, &mut batch.rows);
            batch.condition.extend_from_slice(self.positions.at(image, place));
        }
        add_noise(&mut batch.rows, &self.noise, self.seed, update as u64);
        batch
    }
}

/// Positions of the places of each shape of grid.
struct Positions {
    /// The number of each image's grid.
    of_images: Vec<usize>,
    /// `[places, 32]`
    grids: Vec<((usize, usize), Vec<f32>)>,
}

impl Positions {
    fn of(images: &[&GoodImage]) -> Self {
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
    fn at(&self, image: usize, place: usize) -> &[f32] {
        &self.grids[self.of_images[image]].1[place * POSITION..][..POSITION]
    }
}
