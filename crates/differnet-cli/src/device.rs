//! The devices that flows and extractors run on, by name.

use burn::tensor::Device;
use clap::ValueEnum;
use differnet::FeatureSource;
use differnet_data::DecodeLimits;
use differnet_features::Extractor;

#[cfg(not(any(feature = "flex", feature = "wgpu", feature = "cuda")))]
compile_error!("enable one of the features flex, wgpu and cuda: there is no device otherwise");

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The processor.
    #[cfg(feature = "flex")]
    Flex,
    /// A graphics card through Vulkan, Metal or DirectX.
    #[cfg(feature = "wgpu")]
    Wgpu,
    /// The first NVIDIA graphics card.
    #[cfg(feature = "cuda")]
    Cuda,
}

/// What computes.
#[derive(Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// What computes.
    #[arg(long, value_enum, default_value_t = DeviceChoice::value_variants()[0])]
    device: DeviceChoice,
}

impl DeviceArgs {
    /// The device.
    pub(crate) fn open(&self) -> Device {
        match self.device {
            #[cfg(feature = "flex")]
            DeviceChoice::Flex => Device::flex(),
            #[cfg(feature = "wgpu")]
            DeviceChoice::Wgpu => Device::wgpu(Default::default()),
            #[cfg(feature = "cuda")]
            DeviceChoice::Cuda => Device::cuda(0),
        }
    }

    /// The device's name on the command line.
    pub(crate) fn name(&self) -> String {
        let value = self.device.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// A source of features that remembers none.
    pub(crate) fn source_without_cache(&self) -> FeatureSource {
        FeatureSource { cache: None, extractor: self.extractor(), limits: DecodeLimits::default() }
    }

    /// The extractor that is fastest with the device.
    pub(crate) fn extractor(&self) -> Extractor {
        match self.device {
            #[cfg(feature = "flex")]
            DeviceChoice::Flex => Extractor::on_host(),
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            _ => Extractor::on_device(&self.open()),
        }
    }
}
