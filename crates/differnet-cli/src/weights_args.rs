//! File of the weights of a network that is not compiled in.

use std::path::PathBuf;

use anyhow::Context;
use differnet::Runtime;
use differnet_features::{Backbone, FeatureError, PretrainedWeights};

use crate::exit::UsageError;

/// File of a network's weights.
#[derive(Debug, clap::Args)]
pub(crate) struct WeightsArgs {
    /// Weights of --backbone resnet18, resnet50, wide-resnet50-2 or vgg16, float32 in torchvision's names; a
    /// trained model carries them. Without it the error says how torchvision writes the file.
    #[arg(long, value_name = "FILE.safetensors")]
    weights: Option<PathBuf>,
}

impl WeightsArgs {
    /// The weights of a network; `None` if they are compiled in.
    pub(crate) fn load(
        &self,
        backbone: Option<Backbone>,
    ) -> anyhow::Result<Option<PretrainedWeights>> {
        let loaded = backbone.filter(|backbone| !backbone.is_embedded());
        match (loaded, &self.weights) {
            (None, None) => Ok(None),
            (Some(backbone), Some(path)) => {
                let weights = PretrainedWeights::read(backbone, path);
                Ok(Some(weights.context("cannot use the file of --weights")?))
            }
            (Some(backbone), None) => {
                Err(UsageError(FeatureError::NoWeights { backbone }.to_string()).into())
            }
            (None, Some(_)) => {
                let message = "--weights is for --backbone resnet18, resnet50, wide-resnet50-2 or vgg16: \
                               the weights of other networks are compiled in, those of a model in its file";
                Err(UsageError(message.to_owned()).into())
            }
        }
    }

    /// `runtime` with the weights of a network.
    pub(crate) fn add_to(
        &self,
        runtime: Runtime,
        backbone: Option<Backbone>,
    ) -> anyhow::Result<Runtime> {
        Ok(match self.load(backbone)? {
            Some(weights) => runtime.with_weights(weights),
            None => runtime,
        })
    }
}
