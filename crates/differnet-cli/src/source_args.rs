//! What turns image files into features: device and cache.

use burn::tensor::Device;
use differnet::FeatureSource;
use differnet_data::DecodeLimits;

use crate::cache_args::CacheArgs;
use crate::device::DeviceArgs;

/// What turns image files into features.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Device and cache")]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

impl SourceArgs {
    /// The device of the flow.
    pub(crate) fn device(&self) -> anyhow::Result<Device> {
        self.device.open()
    }

    /// The device's name on the command line.
    pub(crate) fn device_name(&self) -> &'static str {
        self.device.name()
    }

    /// The source of features.
    pub(crate) fn open(&self) -> anyhow::Result<FeatureSource> {
        Ok(FeatureSource {
            cache: self.cache.open()?,
            extractor: self.device.extractor()?,
            limits: DecodeLimits::default(),
        })
    }
}
