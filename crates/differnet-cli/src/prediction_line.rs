//! Prediction of one image as a line for people.

use differnet::prediction::{FailedPrediction, Prediction, ScorePrediction};
use differnet::scoring::{MOST_MULTIPLES, is_off_scale};

/// The answer on one line.
pub(crate) fn prediction_line(answer: &Prediction<ScorePrediction>) -> String {
    match answer {
        Prediction::Found(ScorePrediction { path, reason: Some(reason), .. }) => {
            format!("INVALID {reason}  {path}")
        }
        Prediction::Found(ScorePrediction { path, score, threshold, p_value, verdict, .. }) => {
            let p_value = p_value.map_or(String::new(), |p| format!("  p {p:6.4}"));
            let verdict = verdict.word();
            let score = if is_off_scale(*score, *threshold) {
                format!("> {MOST_MULTIPLES} × threshold")
            } else {
                format!("{score:.2}")
            };
            format!("{verdict:<6}  score {score:>12}  threshold {threshold:10.2}{p_value}  {path}")
        }
        Prediction::Failed(FailedPrediction { reason: Some(reason), .. }) => {
            format!("INVALID {reason}")
        }
        Prediction::Failed(FailedPrediction { error, .. }) => format!("ERROR   {error}"),
    }
}
