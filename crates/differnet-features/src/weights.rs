//! AlexNet's convolutional weights, trained on ImageNet, embedded in the crate.

use std::sync::LazyLock;

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use crate::embedded;

/// torchvision's `AlexNet_Weights.IMAGENET1K_V1`, layers `features.*`, float32 (see NOTICES.md).
const EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/alexnet_imagenet1k_v1_features.planes"));

/// Position of each convolution in torchvision's `features`.
const LAYERS: [usize; 5] = [0, 3, 6, 8, 10];

/// One convolution's parameters in PyTorch's order.
#[derive(Debug, Clone)]
pub(crate) struct ConvolutionWeights {
    /// `[outputs, inputs, kernel, kernel]`
    pub(crate) weight: Vec<f32>,
    /// Shape of `weight`.
    pub(crate) shape: [usize; 4],
    /// `[outputs]`
    pub(crate) bias: Vec<f32>,
}

/// The five convolutions, first to last.
pub(crate) fn embedded() -> [ConvolutionWeights; 5] {
    let file = embedded::file(EMBEDDED);
    let tensors = SafeTensors::deserialize(&file).expect("the embedded weights are a valid file");
    LAYERS.map(|layer| {
        let read = |name: &str| {
            let view = tensors
                .tensor(&format!("features.{layer}.{name}"))
                .expect("the embedded weights hold every layer");
            let values = view.data().chunks_exact(4);
            let values: Vec<f32> =
                values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            (values, view.shape().to_vec())
        };
        let (weight, shape) = read("weight");
        let (bias, _) = read("bias");
        let shape = shape.try_into().expect("convolution weights have four dimensions");
        ConvolutionWeights { weight, shape, bias }
    })
}

/// First digits of the SHA-256 of the convolutions' weights and biases.
pub(crate) fn digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let mut digest = Sha256::new();
        for convolution in embedded() {
            for value in convolution.weight.iter().chain(&convolution.bias) {
                digest.update(value.to_le_bytes());
            }
        }
        digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    });
    &DIGEST
}
