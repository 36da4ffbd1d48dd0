//! The device that flows and extractors run on.

use differnet::{DeviceChoice, Runtime};

#[cfg(not(any(feature = "flex", feature = "wgpu", feature = "cuda")))]
compile_error!("enable one of the features flex, wgpu and cuda: there is no device otherwise");

/// Device that computes.
#[derive(Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// Device: flex, the processor; wgpu, a graphics card; cuda, one of NVIDIA's. `differnet devices`
    /// lists what there is.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::first())]
    device: DeviceChoice,
}

impl DeviceArgs {
    /// Runtime on the device, without a cache of features.
    pub(crate) fn open(&self) -> anyhow::Result<Runtime> {
        Ok(Runtime::open(self.device)?)
    }

    /// The device's name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        self.device.name()
    }
}
