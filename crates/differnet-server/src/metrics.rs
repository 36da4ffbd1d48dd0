//! Counters and histograms in Prometheus' text form.
//!
//! What watches the scores themselves, such as a drift against the training, belongs beside
//! [`Metrics::scored`], which sees every answer.

use std::sync::Arc;
use std::time::Duration;

use differnet::{ScoreAnswer, Verdict};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry as Prometheus;

use crate::queue::Queue;
use crate::registry::{Registry, Reload};

/// Bounds of the histogram of answering times, seconds.
const SECONDS: [f64; 13] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// Bounds of the histogram of batches, images.
const IMAGES: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Routed {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Judged {
    model: String,
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reloaded {
    model: String,
    result: &'static str,
}

/// What the server counts.
pub(crate) struct Metrics {
    registry: Prometheus,
    requests: Family<Answered, Counter>,
    seconds: Family<Routed, Histogram>,
    images: Family<Judged, Counter>,
    batches: Histogram,
    faults: Counter,
    reloads: Family<Reloaded, Counter>,
}

impl Metrics {
    /// Everything at 0; the queue's length and the models' hashes are looked up when asked for.
    pub(crate) fn new(queue: Arc<Queue>, models: Arc<Registry>) -> Self {
        let mut registry = Prometheus::with_prefix("differnet");
        let requests = Family::<Answered, Counter>::default();
        let seconds = Family::<Routed, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let images = Family::<Judged, Counter>::default();
        let batches = Histogram::new(IMAGES);
        let (faults, reloads) = (Counter::default(), Family::<Reloaded, Counter>::default());
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "From headers to answer", seconds.clone());
        registry.register("images", "Images scored, or found unusable", images.clone());
        registry.register("batch_images", "Images scored together", batches.clone());
        registry.register("faults", "Images that made the program fail", faults.clone());
        registry.register("reloads", "Model files that changed", reloads.clone());
        registry.register_collector(Box::new(Now { queue, models }));
        Self { registry, requests, seconds, images, batches, faults, reloads }
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub(crate) fn answered(&self, route: &'static str, status: u16, time: Duration) {
        self.requests.get_or_create(&Answered { route, status }).inc();
        self.seconds.get_or_create(&Routed { route }).observe(time.as_secs_f64());
    }

    pub(crate) fn batched(&self, images: usize) {
        self.batches.observe(images as f64);
    }

    /// An image of `model` was scored, or could not be.
    pub(crate) fn scored(&self, model: &str, answer: Option<&ScoreAnswer>) {
        let verdict = match answer.map(|answer| answer.verdict) {
            Some(Verdict::Ok) => "ok",
            Some(Verdict::Unsure) => "unsure",
            Some(Verdict::Defect) => "defect",
            None => "unusable",
        };
        self.images.get_or_create(&Judged { model: model.to_owned(), verdict }).inc();
    }

    pub(crate) fn faulted(&self) {
        self.faults.inc();
    }

    pub(crate) fn reloaded(&self, reload: &Reload) {
        let result = if reload.result.is_ok() { "replaced" } else { "kept" };
        self.reloads.get_or_create(&Reloaded { model: reload.name.clone(), result }).inc();
    }
}

/// What is looked up when asked for.
struct Now {
    queue: Arc<Queue>,
    models: Arc<Registry>,
}

impl std::fmt::Debug for Now {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Now")
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let waiting = ConstGauge::new(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
        let kind = waiting.metric_type();
        waiting.encode(encoder.encode_descriptor(
            "queued_images",
            "Images waiting",
            None,
            kind,
        )?)?;
        let models =
            Family::<Vec<(String, String)>, prometheus_client::metrics::gauge::Gauge>::default();
        for model in self.models.all() {
            let labels = [("model", &model.name), ("sha256", &model.sha256)];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.clone()));
            models.get_or_create(&labels.to_vec()).set(1);
        }
        let kind = models.metric_type();
        models.encode(encoder.encode_descriptor("model_info", "Models served", None, kind)?)
    }
}
