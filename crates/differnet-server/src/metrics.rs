//! Counters, histograms and what is known of the lines, in Prometheus' text form.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use differnet::DriftSummary;
use differnet::scoring::{Direction, Verdict};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
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

/// Metrics of the server.
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

    /// An image was judged by `model`, or could not be.
    pub(crate) fn judged(&self, model: &str, verdict: Option<Verdict>) {
        let verdict = match verdict {
            Some(Verdict::Ok) => "ok",
            Some(Verdict::Unsure) => "unsure",
            Some(Verdict::Defect) => "defect",
            Some(Verdict::Invalid) => "invalid",
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

/// Metrics that are looked up when asked for.
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
        let gauges = || Family::<Vec<(String, String)>, Gauge<f64, AtomicU64>>::default();
        let (served, quantiles) = (gauges(), gauges());
        let (shifts, drifts) = (gauges(), gauges());
        for model in self.models.all() {
            let labels = |more: Option<(&str, &str)>| -> Vec<(String, String)> {
                let labels = [Some(("model", model.name.as_str())), more];
                let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                labels.into_iter().flatten().map(owned).collect()
            };
            served.get_or_create(&labels(Some(("sha256", &model.sha256)))).set(1.0);
            let line = model.line_summary();
            for (share, score) in DriftSummary::SHARES.iter().zip(line.quantiles.iter().flatten()) {
                let share = share.to_string();
                quantiles.get_or_create(&labels(Some(("quantile", &share)))).set(*score);
            }
            if let Some(shift) = line.feature_shift {
                shifts.get_or_create(&labels(None)).set(shift);
            }
            for (name, direction) in [("higher", Direction::Higher), ("lower", Direction::Lower)] {
                let drifted = line.drift.is_some_and(|drift| drift.direction == direction);
                let gauge = drifts.get_or_create(&labels(Some(("direction", name))));
                gauge.set(f64::from(u8::from(drifted)));
            }
        }
        for (name, help, family) in [
            ("model_info", "Models served", &served),
            ("recent_score", "Quantiles of the last 200 scores", &quantiles),
            ("feature_shift", "Distance from the training, in standard deviations", &shifts),
            ("drift", "Whether a line has drifted from its good images", &drifts),
        ] {
            family.encode(encoder.encode_descriptor(name, help, None, family.metric_type())?)?;
        }
        Ok(())
    }
}
