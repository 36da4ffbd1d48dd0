//! Metrics, intervals and plots for anomaly scores.
