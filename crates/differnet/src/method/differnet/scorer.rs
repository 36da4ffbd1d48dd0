//! Trained flows with the local statistics of their maps, as a model scores with them.

use std::collections::BTreeMap;
use std::path::Path;

use differnet_data::{ImageError, ImageInput};
use differnet_features::{Backbone, LocalGrid};
use differnet_flow::AuxiliaryTensor;
use differnet_onnx::Graph;
use differnet_scoring::{Average, LocalStatistics};

use super::DifferNetConfig;
use crate::adaptive::score_by_rows;
use crate::error::Error;
use crate::export::{GraphEntry, GraphResult};
use crate::header::Header;
use crate::localization::Localizer;
use crate::method::flows::Flows;
use crate::runtime::Runtime;
use crate::score::ImageScore;
use crate::scorer::{Scorer, Scoring};

/// Names of the tables of local statistics, `[27, 27, channels]` each.
const LOCAL_MEANS: &str = "local.means";
const LOCAL_DEVIATIONS: &str = "local.deviations";

/// Flows trained on good images, and what good images look like at each place.
#[derive(Debug)]
pub(super) struct DifferNet {
    pub(super) flows: Flows,
    /// The network whose features they see.
    pub(super) backbone: Backbone,
    pub(super) local_statistics: LocalStatistics,
    /// Average over flows and over transforms.
    pub(super) average: Average,
}

impl DifferNet {
    /// −log p_Z of each row of `features`, row-major `[rows, features]`, averaged over the flows; in nats, up
    /// to a constant.
    pub(super) fn scores_of(&self, features: &[f32]) -> Vec<f64> {
        self.flows.row_scores(features, self.backbone.features(), self.average)
    }
}

impl Scorer for DifferNet {
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        score_by_rows(images, scoring, |rows| Ok(self.scores_of(rows)))
    }

    fn localizer(&self) -> Option<&dyn Localizer> {
        Some(self)
    }

    fn row_scores(&self, rows: &[f32]) -> Option<Vec<f64>> {
        Some(self.scores_of(rows))
    }

    fn export(
        &self,
        graph: &mut Graph,
        entry: &GraphEntry<'_>,
        header: &Header,
    ) -> Result<GraphResult, String> {
        self.graph(graph, entry, header)
    }

    fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        network: &[AuxiliaryTensor],
    ) -> Result<(), Error> {
        let table = |name: &str, values: &[f32]| AuxiliaryTensor {
            name: name.to_owned(),
            shape: table_shape(self.backbone).into(),
            values: values.to_vec(),
        };
        let auxiliary = [
            table(LOCAL_MEANS, self.local_statistics.means()),
            table(LOCAL_DEVIATIONS, self.local_statistics.deviations()),
        ];
        let auxiliary = [&auxiliary, network].concat();
        self.flows.save(path, metadata, &auxiliary).map_err(Error::model(path))
    }
}

/// Shape of a table of local statistics.
fn table_shape(backbone: Backbone) -> [usize; 3] {
    let LocalGrid { side, channels, .. } = backbone.local_grid();
    [side, side, channels]
}

/// The flows in the model file `path`, which `header` describes.
pub(crate) fn load(
    path: &Path,
    header: &Header,
    config: &DifferNetConfig,
    runtime: &Runtime,
) -> Result<Box<dyn Scorer>, Error> {
    let (flows, auxiliary) = Flows::load(path, &runtime.backend).map_err(Error::model(path))?;
    let not_a_model = |reason: String| Error::NotAModel { path: path.to_path_buf(), reason };
    let backbone = header.config.require_backbone()?;
    if flows.configs() != vec![config.flow_config(backbone); config.flows] {
        return Err(not_a_model("its settings do not describe its flow".into()));
    }
    let table = |name: &str| {
        let shape = table_shape(backbone);
        let found = auxiliary.iter().find(|table| table.name == name && table.shape == shape);
        let missing = || not_a_model(format!("it lacks the table {name} of its maps"));
        found.map(|table| table.values.clone()).ok_or_else(missing)
    };
    let (means, deviations) = (table(LOCAL_MEANS)?, table(LOCAL_DEVIATIONS)?);
    let local_statistics = LocalStatistics::new(backbone.local_grid().side, means, deviations);
    Ok(Box::new(DifferNet { flows, backbone, local_statistics, average: header.config.average }))
}
