//! Runtime of models: backend, feature extractor, feature cache, limits of decoding.

use std::sync::{Arc, OnceLock};

use burn::tensor::Device;
use differnet_data::DecodeLimits;
use differnet_features::{
    Backbone, Extractor, FeatureCache, FeatureError, NetworkDescription, PlaceExtractor,
    PretrainedWeights,
};
use differnet_flow::Backend;

use crate::device::DeviceChoice;
use crate::error::Error;
use crate::header::Header;

/// Backend, feature extractor and feature cache that models share; clones share the extractor.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Backend of networks and flows.
    pub backend: Backend,
    /// Remembers features between runs; `None` extracts everything anew.
    pub cache: Option<FeatureCache>,
    /// Limits of decoding.
    pub limits: DecodeLimits,
    networks: [Arc<Networks>; Backbone::ALL.len()],
}

/// Feature extractors of a network, each made on first use.
#[derive(Debug, Default)]
struct Networks {
    /// `None` if they are compiled in, or there are none.
    weights: Option<PretrainedWeights>,
    pooled: OnceLock<Extractor>,
    places: OnceLock<PlaceExtractor>,
}

impl Runtime {
    /// A runtime that computes with `backend`, without a cache.
    pub fn new(backend: Backend) -> Self {
        let limits = DecodeLimits::default();
        let networks = std::array::from_fn(|_| Arc::default());
        Self { backend, cache: None, limits, networks }
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

    /// The same with another extractor than that of the backend, and the backend's own of other networks.
    #[must_use]
    pub fn with_extractor(self, extractor: Extractor) -> Self {
        let mut networks = std::array::from_fn(|_| Arc::default());
        let backbone = extractor.backbone();
        let pooled = OnceLock::from(extractor);
        networks[backbone as usize] = Arc::new(Networks { pooled, ..Networks::default() });
        Self { networks, ..self }
    }

    /// The same with a network of loaded weights, in place of one of the same architecture.
    #[must_use]
    pub fn with_weights(mut self, weights: PretrainedWeights) -> Self {
        let place = weights.backbone() as usize;
        let networks = Networks { weights: Some(weights), ..Networks::default() };
        self.networks[place] = Arc::new(networks);
        self
    }

    /// The same with the networks of loaded weights that `other`, of the same device, has.
    #[must_use]
    pub(crate) fn with_loaded_networks_of(mut self, other: &Self) -> Self {
        for (own, others) in self.networks.iter_mut().zip(&other.networks) {
            if others.weights.is_some() {
                own.clone_from(others);
            }
        }
        self
    }

    /// Weights that were loaded for a network; `None` if they are compiled in, or there are none.
    pub fn weights(&self, backbone: Backbone) -> Option<&PretrainedWeights> {
        self.networks[backbone as usize].weights.as_ref()
    }

    /// Weights that were loaded for the first `stages` stages of a network.
    pub(crate) fn require_weights(
        &self,
        backbone: Backbone,
        stages: usize,
    ) -> Result<&PretrainedWeights, FeatureError> {
        let weights = self.weights(backbone).filter(|weights| weights.stages() >= stages);
        weights.ok_or(FeatureError::NoWeights { backbone })
    }

    /// A network by its layers and weights; of one whose weights were loaded, the stages that they are of.
    ///
    /// # Errors
    /// [`FeatureError::NoWeights`] if its weights are neither compiled in nor [loaded](Self::with_weights).
    pub(crate) fn description(
        &self,
        backbone: Backbone,
    ) -> Result<NetworkDescription, FeatureError> {
        let compiled_in = backbone.description();
        let loaded = || self.weights(backbone).map(PretrainedWeights::description);
        compiled_in.or_else(loaded).ok_or(FeatureError::NoWeights { backbone })
    }

    /// Extractor of pooled features of a network, made when it is first asked for.
    ///
    /// # Errors
    /// [`FeatureError::NoWeights`] if its weights are neither compiled in nor [loaded](Self::with_weights).
    pub fn extractor(&self, backbone: Backbone) -> Result<&Extractor, FeatureError> {
        let pooled = &self.networks[backbone as usize].pooled;
        if backbone.is_embedded() {
            return Ok(pooled.get_or_init(|| match &self.backend {
                Backend::Host(_) => Extractor::on_host(backbone),
                Backend::Tensors(device) => Extractor::on_device(backbone, device),
            }));
        }
        let weights = self.require_weights(backbone, backbone.stages())?;
        Ok(pooled.get_or_init(|| match &self.backend {
            Backend::Host(_) => Extractor::on_host_with(weights),
            Backend::Tensors(device) => Extractor::on_device_with(weights, device),
        }))
    }

    /// Extractor of features of places by a network, made when it is first asked for; by loaded weights of
    /// its stages that they suffice for.
    ///
    /// # Errors
    /// As [`extractor`](Self::extractor).
    pub fn place_extractor(&self, backbone: Backbone) -> Result<&PlaceExtractor, FeatureError> {
        let places = &self.networks[backbone as usize].places;
        if backbone.is_embedded() {
            return Ok(places.get_or_init(|| match &self.backend {
                Backend::Host(_) => PlaceExtractor::on_host(backbone),
                Backend::Tensors(device) => PlaceExtractor::on_device(backbone, device),
            }));
        }
        let weights = self.require_weights(backbone, 1)?;
        Ok(places.get_or_init(|| match &self.backend {
            Backend::Host(_) => PlaceExtractor::on_host_with(weights),
            Backend::Tensors(device) => PlaceExtractor::on_device_with(weights, device),
        }))
    }

    /// Number of transformed images whose pooled features were extracted so far, by all networks.
    pub fn extracted(&self) -> u64 {
        let pooled = self.networks.iter().filter_map(|networks| networks.pooled.get());
        pooled.map(Extractor::extracted).sum()
    }

    /// The device of tensors.
    pub fn device(&self) -> &Device {
        self.backend.device()
    }

    /// Checks that this runtime gives the features that the model of `header` was fitted to, those of the
    /// extractor `needed`.
    ///
    /// # Errors
    /// [`Error::OtherExtractor`] if not.
    pub(crate) fn require_extractor(&self, needed: &str, header: &Header) -> Result<(), Error> {
        let backbone = header.config.require_backbone()?;
        if !backbone.is_embedded() {
            self.require_weights(backbone, header.last_stage())?;
        }
        let found = if header.config.method.method().looks_at_places() {
            &self.place_extractor(backbone)?.id(header.last_stage())
        } else {
            self.extractor(backbone)?.id()
        };
        if found == needed {
            return Ok(());
        }
        Err(Error::OtherExtractor { needed: needed.to_owned(), found: found.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use differnet_data::ImageInput;

    use crate::config::Config;
    use crate::method::Method;
    use crate::model::Model;
    use crate::preset::Preset;
    use crate::training::Training;

    use super::*;

    #[test]
    fn a_model_of_another_network_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut files = Vec::new();
        for (at, bytes) in differnet_samples::self_test_images(1, 64, 64).iter().enumerate() {
            files.push(folder.path().join(format!("{at}.png")));
            std::fs::write(&files[at], bytes).expect("writable");
        }
        let runtime = Runtime::new(Backend::Host(Device::flex()));
        let base = Config::preset(Method::PatchCore, Preset::Quick);
        let config = Config::from_toml("pixels = 4096\nbank = 8", &base).expect("its settings");
        let mut model = Training::new(&config, &runtime).run(&files).expect("a fit").model;
        model.header_mut().config.backbone = Some(Backbone::AlexNet);
        let error = model.score(ImageInput::File(&files[0])).expect_err("another network");
        let message = error.to_string();
        assert!(message.contains("efficientnet-lite0-"), "{message}");
        assert!(message.contains("this program has alexnet-"), "{message}");
        let path = folder.path().join("model.differnet");
        model.save(&path).expect("writable");
        let error = Model::load_on(&path, &runtime).expect_err("another network").to_string();
        assert!(error.contains("model.differnet") && error.contains("view 0"), "{error}");
    }
}
