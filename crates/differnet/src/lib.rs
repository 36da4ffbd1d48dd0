//! DifferNet defect detection: train, save, load and score with a Detector.
