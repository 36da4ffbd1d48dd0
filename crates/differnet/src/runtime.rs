//! Where models compute: device, feature extractor, feature cache, limits of decoding.

use std::sync::{Arc, OnceLock};

use burn::tensor::Device;
use differnet_data::DecodeLimits;
use differnet_features::{Extractor, FeatureCache, PlaceExtractor, efficientnet_lite_id};
use differnet_flow::HostFlow;

use crate::device::DeviceChoice;
use crate::error::Error;

/// Device, feature extractor and feature cache that models share; clones share the extractor.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Where networks and flows compute.
    pub device: Device,
    /// Remembers features between runs; `None` extracts everything anew.
    pub cache: Option<FeatureCache>,
    /// What a decoder may use.
    pub limits: DecodeLimits,
    extractor: Arc<OnceLock<Extractor>>,
    places: Arc<OnceLock<PlaceExtractor>>,
}

impl Runtime {
    /// A runtime on `device`, without a cache: on the host processor by code of its own, elsewhere by
    /// Burn.
    pub fn new(device: &Device) -> Self {
        let (extractor, places) = (Arc::default(), Arc::default());
        let limits = DecodeLimits::default();
        Self { device: device.clone(), cache: None, limits, extractor, places }
    }

    /// A runtime on the first device of the kind.
    ///
    /// # Errors
    /// As [`DeviceChoice::open`].
    pub fn open(kind: DeviceChoice) -> Result<Self, Error> {
        Ok(Self::new(&kind.open()?))
    }

    /// The same with a cache of features.
    #[must_use]
    pub fn with_cache(self, cache: Option<FeatureCache>) -> Self {
        Self { cache, ..self }
    }

    /// The same with other limits of decoding.
    #[must_use]
    pub fn with_limits(self, limits: DecodeLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same with another extractor than that of the device.
    #[must_use]
    pub fn with_extractor(self, extractor: Extractor) -> Self {
        Self { extractor: Arc::new(OnceLock::from(extractor)), ..self }
    }

    /// What turns pixels into pooled features, made when it is first asked for.
    pub fn extractor(&self) -> &Extractor {
        self.extractor.get_or_init(|| {
            if HostFlow::serves(&self.device) {
                Extractor::on_host()
            } else {
                Extractor::on_device(&self.device)
            }
        })
    }

    /// What turns pixels into features of places, made when it is first asked for.
    pub fn place_extractor(&self) -> &PlaceExtractor {
        self.places.get_or_init(|| {
            if HostFlow::serves(&self.device) {
                PlaceExtractor::on_host()
            } else {
                PlaceExtractor::on_device(&self.device)
            }
        })
    }

    /// Nothing, if this runtime gives the features that a model was fitted to.
    ///
    /// # Errors
    /// [`Error::NotAModel`] names both extractors if not.
    pub(crate) fn require_extractor(&self, needed: &str) -> Result<(), Error> {
        if needed == efficientnet_lite_id() {
            return Ok(());
        }
        let found = self.extractor().id();
        if found == needed {
            return Ok(());
        }
        let reason = format!("it was trained with the extractor {needed}, this is {found}");
        Err(Error::NotAModel { path: "the model".into(), reason })
    }
}
