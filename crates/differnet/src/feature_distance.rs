//! Distance of features from what training showed.

/// Root mean square of features, each in standard deviations from its mean in training; `None` if the model
/// keeps no statistics, or without features.
///
/// - `means`, `deviations`: of each feature in training, `[features]`
/// - `features`: mean features of an image or of several, `[features]`
///
/// A feature that never varied in training has no scale and is left out.
pub(crate) fn feature_distance(
    means: &[f32],
    deviations: &[f32],
    features: impl IntoIterator<Item = f64>,
) -> Option<f64> {
    let mut features = features.into_iter().peekable();
    features.peek().filter(|_| !means.is_empty())?;
    let training = means.iter().zip(deviations);
    let (mut sum, mut count) = (0.0, 0_usize);
    for (feature, (&mean, &deviation)) in features.zip(training) {
        if deviation > 0.0 {
            sum += ((feature - f64::from(mean)) / f64::from(deviation)).powi(2);
            count += 1;
        }
    }
    Some((sum / count.max(1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_in_deviations_and_constant_features_are_left_out() {
        let distance = |features: [f64; 3]| {
            feature_distance(&[1.0, 2.0, 5.0], &[1.0, 0.5, 0.0], features).unwrap()
        };
        assert_eq!(distance([1.0, 2.0, 9.0]), 0.0);
        // 3 and 4 deviations: √((9 + 16) / 2).
        assert_eq!(distance([4.0, 4.0, 5.0]), 12.5_f64.sqrt());
        assert_eq!(feature_distance(&[], &[], []), None);
        assert_eq!(feature_distance(&[1.0], &[1.0], []), None);
    }
}
