//! The devices that models run on, by name.

use std::fmt;
use std::str::FromStr;
use std::thread;

use burn::tensor::Device;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use burn::tensor::DeviceType;
use differnet_flow::Backend;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A kind of device; which of them a program can use, its features `flex`, `wgpu` and `cuda` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The processor.
    Flex,
    /// A graphics card through Vulkan, Metal or DirectX.
    Wgpu,
    /// An NVIDIA graphics card.
    Cuda,
}

impl DeviceChoice {
    /// All kinds, the default first.
    pub const ALL: [Self; 3] = [Self::Flex, Self::Wgpu, Self::Cuda];

    /// The name on command lines and in results; also of the feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Tells whether this program was built with it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// The first kind that this program was built with.
    pub fn first() -> Self {
        Self::ALL.into_iter().find(|kind| kind.is_built()).unwrap_or(Self::Flex)
    }

    /// The names of this machine's devices of the kind, the one that [`open`](Self::open) gives first; none
    /// if this program was not built with it.
    pub fn found(self) -> Vec<String> {
        match self {
            Self::Flex if self.is_built() => {
                let cores = thread::available_parallelism().map_or(1, usize::from);
                vec![format!("the processor, {cores} cores")]
            }
            #[cfg(feature = "wgpu")]
            Self::Wgpu => names(DeviceType::Wgpu),
            #[cfg(feature = "cuda")]
            Self::Cuda => names(DeviceType::Cuda),
            _ => Vec::new(),
        }
    }

    /// The first device of the kind, with the backend that is fastest there.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if this program was not built with the kind, or the machine has none;
    /// it lists those that exist.
    pub fn open(self) -> Result<Backend, Error> {
        if !self.is_built() {
            let remedy = format!("build this program with --features {}", self.name());
            return Err(self.missing("this program was built without it", &remedy));
        }
        if self.found().is_empty() {
            return Err(self.missing("this machine has none", "install its driver"));
        }
        Ok(match self {
            #[cfg(feature = "flex")]
            Self::Flex => Backend::Host(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Backend::Tensors(Device::wgpu(Default::default())),
            #[cfg(feature = "cuda")]
            Self::Cuda => Backend::Tensors(Device::cuda(0)),
            #[cfg(not(all(feature = "flex", feature = "wgpu", feature = "cuda")))]
            _ => unreachable!("it is built"),
        })
    }

    fn missing(self, reason: &'static str, remedy: &str) -> Error {
        let found = |kind: Self| {
            kind.found().into_iter().map(move |name| format!("{} ({name})", kind.name()))
        };
        let existing: Vec<String> = Self::ALL.into_iter().flat_map(found).collect();
        let (name, remedy) = (self.name(), remedy.to_owned());
        Error::NoDevice { name, reason, remedy, existing: existing.join(", ") }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    /// The kind with a name.
    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| format!("there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Names that devices report.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn names(kind: DeviceType) -> Vec<String> {
    let devices = Device::enumerate(kind).into_iter();
    devices
        .map(|device| device.identity().map_or_else(|| format!("{device:?}"), |who| who.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_built_is_refused_with_what_exists() {
        for kind in DeviceChoice::ALL.into_iter().filter(|kind| !kind.is_built()) {
            assert!(kind.found().is_empty(), "{kind:?}");
            let error = kind.open().expect_err("it was not built").to_string();
            assert!(error.contains(&format!("--features {}", kind.name())), "{error}");
        }
    }

    #[test]
    fn the_processor_computes_by_its_own_code() {
        assert!(DeviceChoice::Flex.open().is_ok_and(|backend| backend.is_host()));
    }

    #[test]
    fn names_are_those_of_the_serialized_form() {
        for kind in DeviceChoice::ALL {
            let text = serde_json::to_string(&kind).expect("a name");
            assert_eq!(text, format!("\"{kind}\""));
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("tpu".parse::<DeviceChoice>(), Err("there are flex, wgpu, cuda".to_owned()));
    }
}
