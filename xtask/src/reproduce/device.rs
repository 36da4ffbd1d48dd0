//! The devices that a cell can be computed on, by name.

use burn::tensor::Device;
use clap::ValueEnum;
use differnet_features::Extractor;
use serde::{Deserialize, Serialize};

/// What computes. Other devices need their feature: `cargo run --release --bin xtask --features wgpu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceChoice {
    /// The processor.
    Flex,
    /// A graphics card through Vulkan, Metal or DirectX.
    #[cfg(feature = "wgpu")]
    Wgpu,
    /// The first NVIDIA graphics card.
    #[cfg(feature = "cuda")]
    Cuda,
}

impl DeviceChoice {
    /// The device.
    pub(crate) fn open(self) -> Device {
        match self {
            Self::Flex => Device::flex(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(Default::default()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
        }
    }

    /// The extractor that is fastest with the device.
    pub(crate) fn extractor(self) -> Extractor {
        match self {
            Self::Flex => Extractor::on_host(),
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            _ => Extractor::on_device(&self.open()),
        }
    }

    /// The name in arguments.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("no device is hidden");
        value.get_name().to_owned()
    }
}
