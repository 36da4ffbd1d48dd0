//! A model of local features: score and map from the same pass, and its file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use differnet_data::{ImageError, ImageInput, MaskedInput};
use differnet_flow::{AuxiliaryTensor, load_auxiliary, save_auxiliary};
use differnet_onnx::Graph;
use rayon::prelude::*;

use super::bank::Bank;
use super::gathered::mean_of;
use super::gaussians::PlaceGaussians;
use super::image_score::PlaceValues;
use super::input::{layout, seen_maps};
use super::parts::{Density, Parts, placed_width};
use super::place_scale::PlaceScale;
use super::place_view::PlaceView;
use super::plan::{DensityPlan, Plan};
use super::tables::Tables;
use super::view::View;
use crate::error::Error;
use crate::export::{GraphEntry, GraphResult};
use crate::header::Header;
use crate::localization::{DecodedImage, Localization, LocalizeConfig, Localizer, MapKind};
use crate::method::flows::Flows;
use crate::runtime::Runtime;
use crate::score::{ImageScore, ScoreConfig};
use crate::scorer::{Scorer, Scoring, Updated, score_each};
use crate::training::Training;

/// Parts fitted to the places of good images.
#[derive(Debug)]
pub(super) struct LocalModel {
    pub(super) plan: Plan,
    pub(super) views: Arc<[View]>,
    pub(super) parts: Parts,
    /// Of each part; none if its values are used as they are.
    pub(super) scales: Vec<PlaceScale>,
}

impl LocalModel {
    /// The score of an image, and the values of its places.
    fn judge(
        &self,
        seen: &MaskedInput,
        scoring: &Scoring<'_>,
    ) -> Result<(ImageScore, PlaceValues), Error> {
        let Scoring { runtime, header, config } = *scoring;
        let (hash, statistics) = (seen.hash, seen.statistics);
        let (width, height) = seen.image().dimensions();
        let seen = seen_maps(&self.plan, runtime, seen)?;
        let stages = self.plan.stages();
        let views = self.views.par_iter().map(|view| view.rows(&stages, &seen));
        let rows: Vec<Vec<f32>> = views.collect();
        let mean = mean_of(&rows[0], &seen.grid.counts, self.views[0].components());
        let values = self.parts.values(&rows, &seen.grid);
        let values = PlaceValues { values, grid: seen.grid };
        let sum = values.sum(&self.scales);
        let score = self.plan.image_score.of(&sum, &values.grid);
        let score = config.judge(hash, statistics, vec![score], &header.thresholds())?;
        let peak = values.grid.centre_of_largest(&sum);
        let score = ImageScore {
            peak: peak
                .map(|[x, y]| [(x * f64::from(width)) as u32, (y * f64::from(height)) as u32]),
            mean_features: mean.into_iter().map(|mean| mean as f32).collect(),
            ..score
        };
        Ok((score, values))
    }

    /// Every table of the model's file.
    fn tables(&self) -> Vec<AuxiliaryTensor> {
        let views = self.views.iter().enumerate().flat_map(|(number, view)| view.tables(number));
        let parts =
            self.parts.parts.iter().enumerate().flat_map(|(number, (_, density))| match density {
                Density::Flow(_) => Vec::new(),
                Density::Bank { bank, .. } => bank.tables(number).into(),
                Density::Gaussians(gaussians) => gaussians.tables(number).into(),
            });
        let scales = self.scales.iter().enumerate();
        let scales = scales.flat_map(|(number, scale)| scale.tables(number));
        views.chain(parts).chain(scales).collect()
    }

    /// The model by `plan` from the flows and tables of a file; the reason if they do not make one.
    fn from_tables(plan: Plan, flows: Option<Flows>, tables: &Tables) -> Result<Self, String> {
        let numbered = (0..).zip(&plan.views);
        let views = numbered.map(|(number, view)| View::load(view, plan.backbone, number, tables));
        let views = views.collect::<Result<Arc<[View]>, _>>()?;
        let configs = flows.as_ref().map(Flows::configs).unwrap_or_default();
        let mut next = configs.iter();
        let mut parts = Vec::with_capacity(plan.parts.len());
        for (number, part) in plan.parts.iter().enumerate() {
            let width = views[part.view].components();
            let density = match &part.density {
                DensityPlan::Flow(own) => {
                    if next.next() != Some(&own.config(width)) {
                        return Err("its settings do not describe its flow".into());
                    }
                    Density::Flow(configs.len() - next.len() - 1)
                }
                DensityPlan::Bank { place_weight, .. } => {
                    let width = placed_width(width, *place_weight);
                    let bank = Bank::load(number, width, tables)?;
                    Density::Bank { bank, place_weight: *place_weight }
                }
                DensityPlan::Gaussians => {
                    let places = plan.square_places();
                    Density::Gaussians(PlaceGaussians::load(number, width, places, tables)?)
                }
            };
            parts.push((part.view, density));
        }
        if next.len() > 0 {
            return Err("it holds more flows than its settings describe".into());
        }
        let scales = 0..if plan.standardised { parts.len() } else { 0 };
        let scales = scales.map(|number| PlaceScale::load(number, tables));
        let scales = scales.collect::<Result<_, _>>()?;
        Ok(Self { views, parts: Parts { flows, parts }, scales, plan })
    }
}

impl Scorer for LocalModel {
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        let Scoring { runtime, header, .. } = *scoring;
        let read = |&input: &ImageInput<'_>| {
            MaskedInput::read(input, header.preprocessing(), &runtime.limits)
        };
        let seen: Vec<_> = images.par_iter().map(read).collect();
        score_each(seen, |seen: MaskedInput| Ok(self.judge(&seen, scoring)?.0))
    }

    fn localizer(&self) -> Option<&dyn Localizer> {
        Some(self)
    }

    fn place_view(&self) -> Option<PlaceView> {
        Some(PlaceView::of_model(self.plan.clone(), self.views.clone()))
    }

    fn updated(
        &self,
        training: &Training<'_>,
        files: &[PathBuf],
        known: usize,
    ) -> Option<Result<Updated, Error>> {
        Some(self.update(training, files, known))
    }

    fn export(
        &self,
        graph: &mut Graph,
        entry: &GraphEntry<'_>,
        _header: &Header,
    ) -> Result<GraphResult, String> {
        self.graph(graph, entry)
    }

    fn seen_size(&self, size: (u32, u32)) -> Option<(u32, u32)> {
        let layout = layout(&self.plan, size);
        Some((layout.across.total() as u32, layout.down.total() as u32))
    }

    fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        network: &[AuxiliaryTensor],
    ) -> Result<(), Error> {
        let tables = [&self.tables()[..], network].concat();
        let saved = match &self.parts.flows {
            Some(flows) => flows.save(path, metadata, &tables),
            None => save_auxiliary(path, metadata, &tables),
        };
        saved.map_err(Error::model(path))
    }
}

impl Localizer for LocalModel {
    fn config(&self, scoring: ScoreConfig) -> LocalizeConfig {
        LocalizeConfig { scoring, kind: MapKind::Deviation }
    }

    fn localize(
        &self,
        image: DecodedImage,
        scoring: &Scoring<'_>,
        kind: MapKind,
    ) -> Result<Localization, Error> {
        if kind != MapKind::Deviation {
            let (name, expected) = ("map", "deviation for this method");
            return Err(Error::Config { name, expected, found: "gradient".to_owned() });
        }
        let DecodedImage { image, masked: seen } = image;
        let (score, values) = self.judge(&seen, scoring)?;
        let map = values.map(self.plan.map_part);
        let map = map.resized(image.width() as usize, image.height() as usize);
        let map = match seen.ignored {
            Some(ignored) => map.without(ignored),
            None => map,
        };
        Ok(Localization { image, score, map })
    }
}

/// The model by `plan` in the file `path`, which `header` describes.
pub(crate) fn load(
    path: &Path,
    header: &Header,
    plan: Plan,
    runtime: &Runtime,
) -> Result<Box<dyn Scorer>, Error> {
    let not_a_model = |reason: String| Error::NotAModel { path: path.to_path_buf(), reason };
    let with_flows = plan.updates() > 0;
    let (flows, tables) = if with_flows {
        let (flows, tables) = Flows::load(path, &runtime.backend).map_err(Error::model(path))?;
        (Some(flows), tables)
    } else {
        (None, load_auxiliary(path).map_err(Error::model(path))?)
    };
    let model = LocalModel::from_tables(plan, flows, &Tables(tables)).map_err(not_a_model)?;
    if header.feature_means.len() != model.views[0].components() {
        return Err(not_a_model("its settings do not describe its features".into()));
    }
    Ok(Box::new(model))
}
