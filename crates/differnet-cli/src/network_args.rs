//! The settings that only methods with networks on pixels have.

use serde::Serialize;

use crate::numbers::{finite, positive};

/// One optional flag for each; `updates`, `batch_size` and other names that DifferNet's settings
/// share have theirs among those.
#[derive(Debug, clap::Args, Serialize)]
pub(crate) struct NetworkFlags {
    /// geotrans, ganomaly, dsebm, adgan: width and height that images are reduced to, in pixels
    /// [default: 32; ganomaly: 64, quick 32].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    side: Option<usize>,
    /// ganomaly, dsebm, adgan: channels of the outermost layer [default: 64; ganomaly quick: 32].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    channels: Option<usize>,
    /// ganomaly, adgan: width of the latent vector [default: ganomaly 100, adgan 256].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    latent: Option<usize>,
    /// geotrans: layers of the residual network, 6 n + 4 [default: 10].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    layers: Option<usize>,
    /// geotrans: widening factor of the residual network [default: 4; quick: 2].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    widening: Option<usize>,
    /// dsebm: outputs of the network, whose sum lowers the energy [default: 256].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    outputs: Option<usize>,
    /// geotrans: dirichlet or simplified; dsebm: reconstruction or energy [default: the first].
    #[arg(long, value_name = "NAME", value_parser = ["dirichlet", "simplified", "reconstruction", "energy"])]
    score: Option<String>,
    /// ganomaly: weight of the adversarial loss [default: 1].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    adversarial: Option<f64>,
    /// ganomaly: weight of the contextual loss [default: 50].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    contextual: Option<f64>,
    /// ganomaly: weight of the encoder loss [default: 1].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    encoder: Option<f64>,
    /// adgan: updates of the critic for each of the generator [default: 2].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    critic_updates: Option<usize>,
    /// adgan: weight of the gradient penalty [default: 20].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    penalty: Option<f64>,
    /// adgan: latents that a search starts from [default: 8].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    starts: Option<usize>,
    /// adgan: steps of a search [default: 5].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    steps: Option<usize>,
    /// adgan: Adam's step size for the latents [default: 0.25].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    search_rate: Option<f64>,
    /// adgan: Adam's step size for the generator in a search; 0 leaves it as it is
    /// [default: 0.00005].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    adaptation: Option<f64>,
}
