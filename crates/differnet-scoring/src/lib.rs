//! Anomaly scores and thresholds from latents.
