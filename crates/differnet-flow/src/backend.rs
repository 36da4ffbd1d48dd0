//! Backend of flows and networks: code of the host processor, or tensor operations.

use burn::tensor::Device;

/// Backend of flows and networks, with the device of their tensors.
///
/// Both give the same numbers up to rounding.
#[derive(Debug, Clone)]
pub enum Backend {
    /// Code of this project on the host processor. The device's tensors have to be in the host's memory:
    /// Burn's `flex`.
    Host(Device),
    /// Burn's tensor operations on any device.
    Tensors(Device),
}

impl Backend {
    /// The device of the tensors.
    pub fn device(&self) -> &Device {
        match self {
            Self::Host(device) | Self::Tensors(device) => device,
        }
    }

    /// Tells whether it is [`Backend::Host`].
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Host(_))
    }
}
