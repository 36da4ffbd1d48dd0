//! Runtime of models: backend, feature extractor, feature cache, limits of decoding.

use std::sync::{Arc, OnceLock};

use burn::tensor::Device;
use differnet_data::DecodeLimits;
use differnet_features::{Extractor, FeatureCache, PlaceExtractor, efficientnet_lite_id};
use differnet_flow::Backend;

use crate::device::DeviceChoice;
use crate::error::Error;

/// Backend, feature extractor and feature cache that models share; clones share the extractor.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Backend of networks and flows.
    pub backend: Backend,
    /// Remembers features between runs; `None` extracts everything anew.
    pub cache: Option<FeatureCache>,
    /// Limits of decoding.
    pub limits: DecodeLimits,
    extractor: Arc<OnceLock<Extractor>>,
    places: Arc<OnceLock<PlaceExtractor>>,
}

impl Runtime {
    /// A runtime that computes with `backend`, without a cache.
    pub fn new(backend: Backend) -> Self {
        let (extractor, places) = (Arc::default(), Arc::default());
        let limits = DecodeLimits::default();
        Self { backend, cache: None, limits, extractor, places }
    }

    /// A runtime on the first device of the kind, without a cache.
    ///
    /// # Errors
    /// As [`DeviceChoice::open`].
    pub fn open(kind: DeviceChoice) -> Result<Self, Error> {
        Ok(Self::new(kind.open()?))
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

    /// The same with another extractor than that of the backend.
    #[must_use]
    pub fn with_extractor(self, extractor: Extractor) -> Self {
        Self { extractor: Arc::new(OnceLock::from(extractor)), ..self }
    }

    /// Extractor of pooled features, made when it is first asked for.
    pub fn extractor(&self) -> &Extractor {
        self.extractor.get_or_init(|| match &self.backend {
            Backend::Host(_) => Extractor::on_host(),
            Backend::Tensors(device) => Extractor::on_device(device),
        })
    }

    /// Extractor of features of places, made when it is first asked for.
    pub fn place_extractor(&self) -> &PlaceExtractor {
        self.places.get_or_init(|| match &self.backend {
            Backend::Host(_) => PlaceExtractor::on_host(),
            Backend::Tensors(device) => PlaceExtractor::on_device(device),
        })
    }

    /// The device of tensors.
    pub fn device(&self) -> &Device {
        self.backend.device()
    }

    /// Checks that this runtime gives the features that a model was fitted to.
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
