//! EfficientNet-Lite0's weights, trained on ImageNet, embedded in the crate, with batch norms folded in.

use std::sync::LazyLock;

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::TABLE;
use crate::embedded;

/// TensorFlow's checkpoint of EfficientNet-Lite0, stages 1 to 6, float32 (see NOTICES.md).
const EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/efficientnet_lite0_features.planes"));

/// ε of the batch norms.
const EPSILON: f64 = 1e-3;

/// A convolution whose batch norm has been folded in.
#[derive(Debug, Clone)]
pub(crate) struct Folded {
    /// In PyTorch's order, `[outputs, inputs, kernel, kernel]`.
    pub(crate) weight: Vec<f32>,
    /// Shape of `weight`.
    pub(crate) shape: [usize; 4],
    /// `[outputs]`
    pub(crate) bias: Vec<f32>,
}

/// The convolutions of an inverted residual block.
#[derive(Debug, Clone)]
pub(crate) struct BlockWeights {
    /// `None` in the first block, which does not expand.
    pub(crate) expand: Option<Folded>,
    pub(crate) depthwise: Folded,
    pub(crate) project: Folded,
    pub(crate) stride: usize,
}

/// All weights of the network.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub(crate) stem: Folded,
    /// The blocks of each stage.
    pub(crate) stages: Vec<Vec<BlockWeights>>,
}

/// The embedded weights.
pub(crate) fn embedded() -> Weights {
    let file = embedded::file(EMBEDDED);
    let tensors = SafeTensors::deserialize(&file).expect("the embedded weights are a valid file");
    let folded = |convolution: &str, norm: &str| folded(&tensors, convolution, norm);
    let mut index = 0;
    let mut stages = Vec::new();
    for stage in TABLE {
        let mut blocks = Vec::new();
        for block in 0..stage.blocks {
            let name = |part: &str| format!("blocks.{index}.{part}");
            let part = |part: &str| folded(&name(part), &name(&format!("{part}_bn")));
            let (depthwise, project) = (part("depthwise"), part("project"));
            let shape = (depthwise.shape[2], project.shape[0]);
            assert_eq!(shape, (stage.kernel, stage.channels), "the embedded weights fit the table");
            blocks.push(BlockWeights {
                expand: (index > 0).then(|| part("expand")),
                depthwise,
                project,
                stride: if block == 0 { stage.stride } else { 1 },
            });
            index += 1;
        }
        stages.push(blocks);
    }
    Weights { stem: folded("stem.conv", "stem.bn"), stages }
}

/// First digits of the SHA-256 of the weights' file.
pub(super) fn digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let digest = Sha256::digest(embedded::file(EMBEDDED));
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    });
    &DIGEST
}

/// A convolution with its batch norm folded in: w γ / √(σ² + ε), and β − μ γ / √(σ² + ε) as bias.
fn folded(tensors: &SafeTensors<'_>, convolution: &str, norm: &str) -> Folded {
    let read = |name: &str| {
        let view = tensors.tensor(name).expect("the embedded weights hold every layer");
        let (words, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        (values, view.shape().to_vec())
    };
    let of_norm = |part: &str| read(&format!("{norm}.{part}")).0;
    let (mut weight, shape) = read(convolution);
    let shape: [usize; 4] = shape.try_into().expect("convolution weights have four dimensions");
    let (scale, shift) = (of_norm("weight"), of_norm("bias"));
    let (mean, variance) = (of_norm("mean"), of_norm("var"));
    let mut bias = Vec::with_capacity(shape[0]);
    let per_output = weight.len() / shape[0];
    for (output, weights) in weight.chunks_exact_mut(per_output).enumerate() {
        // In f64: rounded once.
        let factor = f64::from(scale[output]) / (f64::from(variance[output]) + EPSILON).sqrt();
        weights.iter_mut().for_each(|w| *w = (f64::from(*w) * factor) as f32);
        bias.push((f64::from(shift[output]) - f64::from(mean[output]) * factor) as f32);
    }
    Folded { weight, shape, bias }
}
