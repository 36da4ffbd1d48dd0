//! The device that flows and extractors run on.

use burn::tensor::Device;
use differnet::{DeviceChoice, FeatureSource};
use differnet_data::DecodeLimits;
use differnet_features::Extractor;

#[cfg(not(any(feature = "flex", feature = "wgpu", feature = "cuda")))]
compile_error!("enable one of the features flex, wgpu and cuda: there is no device otherwise");

/// What computes.
#[derive(Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// What computes: flex, the processor; wgpu, a graphics card; cuda, one of NVIDIA's. `differnet devices`
    /// lists what there is.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::first())]
    device: DeviceChoice,
}

impl DeviceArgs {
    /// The device.
    pub(crate) fn open(&self) -> anyhow::Result<Device> {
        Ok(self.device.open()?)
    }

    /// The device's name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        self.device.name()
    }

    /// A source of features that remembers none.
    pub(crate) fn source_without_cache(&self) -> anyhow::Result<FeatureSource> {
        let extractor = self.extractor()?;
        Ok(FeatureSource { cache: None, extractor, limits: DecodeLimits::default() })
    }

    /// The extractor that is fastest with the device.
    pub(crate) fn extractor(&self) -> anyhow::Result<Extractor> {
        Ok(self.device.extractor()?)
    }
}
