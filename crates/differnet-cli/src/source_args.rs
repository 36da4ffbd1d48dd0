//! Device and cache of models.

use differnet::Runtime;

use crate::cache_args::CacheArgs;
use crate::device::DeviceArgs;

/// Device and cache.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Device and cache")]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

impl SourceArgs {
    /// The device's name on the command line.
    pub(crate) fn device_name(&self) -> &'static str {
        self.device.name()
    }

    /// Device and cache.
    pub(crate) fn open(&self) -> anyhow::Result<Runtime> {
        Ok(self.device.open()?.with_cache(self.cache.open()?))
    }
}
