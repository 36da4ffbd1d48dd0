//! From latents to a verdict: anomaly score (paper, Section 3.2, Eq. 5), threshold (Eq. 6) and
//! anomaly maps (Section 3.3).
//!
//! Everything works on slices of numbers and is the same on every device. This crate knows nothing of
//! tensors, data sets and files.

mod conformal;
mod connected_components;
mod costs;
mod drift;
mod error;
mod local_statistics;
mod map;
mod quantile;
mod robust_spread;
mod score;
mod stopping_rule;
#[cfg(test)]
mod test_uniform;
mod threshold;

pub use conformal::{FalseAlarmGuarantee, lowest_rate, p_value};
pub use connected_components::connected_components;
pub use costs::{CheapestThreshold, Costs};
pub use drift::{Direction, Drift, drift};
pub use error::{ScoreError, percent};
pub use local_statistics::{LocalStatistics, LocalStatisticsBuilder};
pub use map::{AnomalyMap, Grid, MapAverage, Peak, Region, gaussian_half_kernel};
pub use quantile::{interpolated_quantile, quantile};
pub use robust_spread::RobustSpread;
pub use score::{Average, anomaly_score, transform_scores};
pub use stopping_rule::{StoppingRule, transform_spread};
pub use threshold::{
    MOST_MULTIPLES, Thresholds, Verdict, is_off_scale, predicted_threshold, threshold_from_good,
    to_single_precision,
};
