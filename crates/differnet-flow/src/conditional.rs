//! A flow whose rows have a condition each: the density p(y | c).

use burn::tensor::{Device, Tensor, TensorData, assert_shape};

use crate::flow::{Flow, Latents};
use crate::loss;
use crate::rng::{self, Purpose};

/// A [`Flow`] given the condition of each row, by [`Flow::given`]: the density `p(y | c)`.
///
/// Subnetworks read the condition beside the half that they read, and nothing transforms it: for
/// every condition the flow is a bijection of features and latents, and its log-determinant is
/// that of Eq. 4.
#[derive(Debug, Clone)]
pub struct ConditionalFlow<'a> {
    flow: &'a Flow,
    /// `[batch, condition]`; `None` where the flow has none.
    condition: Option<Tensor<2>>,
}

impl Flow {
    /// This flow given `condition`, `[batch, condition]`: a row for each row of what it is asked for.
    ///
    /// # Panics
    /// If `condition` does not have [`condition`](crate::FlowConfig::condition) columns, or the flow
    /// has no condition.
    pub fn given(&self, condition: Tensor<2>) -> ConditionalFlow<'_> {
        let width = self.widths().condition;
        assert!(width > 0, "this flow has no condition");
        assert_shape!(condition, [_, width]);
        ConditionalFlow { flow: self, condition: Some(condition) }
    }

    /// This flow given conditions in host memory, row by row; empty where it has none.
    pub(crate) fn given_values(&self, condition: &[f32], device: &Device) -> ConditionalFlow<'_> {
        let width = self.widths().condition;
        let rows = condition.len().checked_div(width);
        let condition = rows.map(|rows| {
            Tensor::from_data(TensorData::new(condition.to_vec(), [rows, width]), device)
        });
        ConditionalFlow { flow: self, condition }
    }

    /// This flow, which has no condition.
    pub(crate) fn unconditional(&self) -> ConditionalFlow<'_> {
        assert!(self.widths().condition == 0, "this flow has a condition: see `Flow::given`");
        ConditionalFlow { flow: self, condition: None }
    }
}

impl ConditionalFlow<'_> {
    /// The latents `z = f(y; c)` of features `y`, `[batch, features]`, and their log-determinants.
    ///
    /// # Panics
    /// If `y` does not have [`features`](Flow::features) columns and a row for each condition.
    pub fn forward(&self, y: Tensor<2>) -> Latents {
        self.check(&y);
        let [batch, _] = y.dims();
        let mut z = y;
        let mut log_det = Tensor::zeros([batch, 1], &z.device()); // [batch, 1]
        for block in &self.flow.blocks {
            let transformed = block.forward(z, self.condition.as_ref());
            z = transformed.output;
            log_det = log_det + transformed.log_det;
        }
        Latents { z, log_det: log_det.squeeze_dim(1) } // [batch, features], [batch]
    }

    /// The features `y`, `[batch, features]`, whose latents are `z`.
    ///
    /// # Panics
    /// If `z` does not have [`features`](Flow::features) columns and a row for each condition.
    pub fn inverse(&self, z: Tensor<2>) -> Tensor<2> {
        self.check(&z);
        let blocks = self.flow.blocks.iter().rev();
        blocks.fold(z, |z, block| block.inverse(z, self.condition.as_ref()))
    }

    /// `log p(y | c)` of each row of `y`, in nats, `[batch]` (Eq. 4).
    ///
    /// Includes the constant `−features/2 · log 2π` that [`nll`](crate::nll) leaves out, so that
    /// `exp` of it is a density.
    ///
    /// # Panics
    /// If `y` does not have [`features`](Flow::features) columns and a row for each condition.
    pub fn log_likelihood(&self, y: Tensor<2>) -> Tensor<1> {
        loss::log_likelihood(&self.forward(y))
    }

    /// A draw from the learned density given each condition, `[batch, features]`.
    ///
    /// The latents are drawn on the host from `seed`: those of [`Flow::sample`].
    pub fn sample(&self, seed: u64) -> Tensor<2> {
        let condition = self.condition.as_ref().expect("made with a condition");
        self.inverse_of_draws(condition.dims()[0], seed, &condition.device())
    }

    /// The features of `rows` latents that are drawn from `seed`.
    pub(crate) fn inverse_of_draws(&self, rows: usize, seed: u64, device: &Device) -> Tensor<2> {
        let features = self.flow.features();
        let z = rng::stream(seed, Purpose::Sample, 0).normal(rows * features);
        self.inverse(Tensor::from_data(TensorData::new(z, [rows, features]), device))
    }

    /// Checks the shape of features or latents.
    fn check(&self, values: &Tensor<2>) {
        let features = self.flow.features();
        assert_shape!(values, [_, features]);
        if let Some(condition) = &self.condition {
            let (rows, conditions) = (values.dims()[0], condition.dims()[0]);
            assert!(rows == conditions, "{conditions} conditions for {rows} rows");
        }
    }
}
