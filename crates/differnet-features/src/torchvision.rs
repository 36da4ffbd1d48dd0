//! ResNets (He et al. 2016; Zagoruyko and Komodakis 2016) and VGG-16 (Simonyan and Zisserman 2015) with
//! weights that are loaded: maps of an image after each stage.
//!
//! A ResNet's stages are its four groups of blocks, `layer1` to `layer4`; VGG-16's end with its five
//! max-poolings. Batch norms, as they are in inference, are folded into the convolutions. Each network exists
//! twice: [`TorchvisionNetwork`] is a Burn module for any device, [`HostTorchvisionNetwork`] the same on the
//! host processor.

pub(crate) mod architecture;
mod burn_module;
mod host;

pub use burn_module::TorchvisionNetwork;
pub use host::HostTorchvisionNetwork;

use crate::stages::{StageMap, StageNetwork};

impl StageNetwork for HostTorchvisionNetwork {
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap> {
        Self::maps(self, pixels, height, width, stages)
    }
}

impl StageNetwork for TorchvisionNetwork {
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap> {
        Self::maps(self, pixels, height, width, stages)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::backbone::Backbone;
    use crate::pretrained_weights::PretrainedWeights;

    fn texture(height: usize, width: usize) -> Vec<u8> {
        (0..3 * height * width).map(|at| (at * at / 7 % 251) as u8).collect()
    }

    #[test]
    fn host_and_burn_module_agree_at_any_shape() {
        let weights = PretrainedWeights::untrained(Backbone::ResNet18, 3);
        let (host, module) = (
            HostTorchvisionNetwork::new(&weights),
            TorchvisionNetwork::new(&weights, &Device::flex()),
        );
        for (height, width) in [(64, 64), (32, 96)] {
            let pixels = texture(height, width);
            let found = host.maps(&pixels, height, width, &[1, 2, 4]);
            let expected = module.maps(&pixels, height, width, &[1, 2, 4]);
            for (found, expected) in found.iter().zip(&expected) {
                let shape = |map: &StageMap| (map.height, map.width, map.channels);
                assert_eq!(shape(found), shape(expected));
                let norm = |values: &mut dyn Iterator<Item = f32>| -> f32 {
                    values.map(|value| value * value).sum::<f32>().sqrt()
                };
                let pairs = found.values.iter().zip(&expected.values);
                let off = norm(&mut pairs.map(|(a, b)| a - b));
                let error = off / norm(&mut expected.values.iter().copied());
                // f32 summed in another order.
                assert!(error < 1e-5, "{height} x {width}: {error}");
            }
        }
    }

    #[test]
    fn maps_do_not_depend_on_the_number_of_threads() {
        let weights = PretrainedWeights::untrained(Backbone::ResNet18, 3).up_to(2);
        let host = HostTorchvisionNetwork::new(&weights);
        let pixels = texture(64, 96);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| host.maps(&pixels, 64, 96, &[1, 2]))
        };
        let one = with(1);
        assert_eq!(with(2), one);
        assert_eq!(with(5), one);
    }
}
