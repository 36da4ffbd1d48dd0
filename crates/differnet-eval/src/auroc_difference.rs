//! Difference of two methods' AUROC on the same test images, with its standard error (DeLong, DeLong and
//! Clarke-Pearson 1988, "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic
//! Curves").

use crate::error::MetricError;
use crate::pairs_won::pairs_won;

/// Difference of two AUROCs of the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AurocDifference {
    /// In \[−1, 1\].
    pub difference: f64,
    /// Standard error with regard to the choice of test images; infinite if there is only one good or one
    /// defect image.
    pub standard_error: f64,
}

/// The AUROC of `second` less that of `first`, each the mean over its runs.
///
/// An image's part in an AUROC is the share of images of the other kind that it is ordered rightly
/// with, a tie by half. The AUROC is the mean of the defects' parts and of the good images' parts, and the
/// difference's variance the sum of both means' variances:
/// `S²(defects) / defects + S²(good) / good`. What differs from run to run beside the images is not
/// in it.
/// - `first`, `second`: runs, each with one score an image, larger is more anomalous
/// - `defects`: one an image, `true` for a defect
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, good or defect images are missing, or one
/// of both has no run.
pub fn auroc_difference<S: AsRef<[f64]>>(
    first: &[S],
    second: &[S],
    defects: &[bool],
) -> Result<AurocDifference, MetricError> {
    let defect_images = defects.iter().filter(|&&defect| defect).count();
    let others = [defect_images, defects.len() - defect_images].map(|count| count as f64);
    let mut parts = vec![0.0; defects.len()];
    for (runs, sign) in [(first, -1.0), (second, 1.0)] {
        if runs.is_empty() {
            return Err(MetricError::NoRuns);
        }
        for scores in runs {
            let weight = sign / runs.len() as f64;
            let won = pairs_won(scores.as_ref(), defects)?;
            for ((sum, won), &defect) in parts.iter_mut().zip(won).zip(defects) {
                *sum += weight * won / others[usize::from(defect)];
            }
        }
    }
    let of = |kind: bool| -> Vec<f64> {
        parts.iter().zip(defects).filter(|pair| *pair.1 == kind).map(|pair| *pair.0).collect()
    };
    let (mean, of_defects) = mean_and_variance(&of(true));
    let (_, of_good) = mean_and_variance(&of(false));
    Ok(AurocDifference { difference: mean, standard_error: (of_defects + of_good).sqrt() })
}

/// The mean of values, and the variance of this mean.
fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, f64::INFINITY);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - 1.0) / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auroc::auroc;
    use crate::test_inputs::normal_scores;

    #[test]
    fn a_small_case_by_hand() {
        // Good 0, 2; defects 1, 3. First: parts of the defects 1/2, 1, of the good images 1, 1/2.
        let (first, defects) = ([0.0, 2.0, 1.0, 3.0], [false, false, true, true]);
        // Second: all in the right order but a tie of 3 and 3: parts 1, 3/4; 1, 3/4.
        let second = [0.0, 3.0, 4.0, 3.0];
        let found = auroc_difference(&[&first], &[&second], &defects).expect("valid input");
        // Defects: 1 − 1/2, 3/4 − 1; good images: 1 − 1, 3/4 − 1/2.
        let difference: f64 = (0.5 - 0.25) / 2.0;
        // S² = 0.75² / 2 and 0.25² / 2, each by two images.
        let error = (0.28125_f64 / 2.0 + 0.03125 / 2.0).sqrt();
        assert!((found.difference - difference).abs() < 1e-15, "{found:?}");
        assert!((found.standard_error - error).abs() < 1e-15, "{found:?}");
    }

    #[test]
    fn runs_are_averaged() {
        let (first, defects) = normal_scores(1, 30, 20, 1.0);
        let (second, _) = normal_scores(2, 30, 20, 2.0);
        let (third, _) = normal_scores(3, 30, 20, 0.5);
        let found = auroc_difference(&[&first, &third], &[&second], &defects).expect("valid input");
        let of = |scores: &[f64]| auroc(scores, &defects).expect("valid input");
        let expected = of(&second) - (of(&first) + of(&third)) / 2.0;
        assert!((found.difference - expected).abs() < 1e-12);
        let itself = auroc_difference(&[&first], &[&first], &defects);
        assert_eq!(itself, Ok(AurocDifference { difference: 0.0, standard_error: 0.0 }));
    }

    #[test]
    fn covers_the_true_difference_about_as_often_as_it_claims() {
        // Φ(1.2 / √2) and Φ(1.8 / √2), of independent scores.
        let (truth, sets) = (0.898_454 - 0.801_928, 1000);
        let covered = (0..sets).filter(|&set| {
            let (first, defects) = normal_scores(100 + set, 40, 40, 1.2);
            let (second, _) = normal_scores(5000 + set, 40, 40, 1.8);
            let found = auroc_difference(&[&first], &[&second], &defects).expect("valid input");
            (found.difference - truth).abs() <= 1.96 * found.standard_error
        });
        // The binomial spread of 1000 trials is 0.007, three of which to either side are allowed.
        let coverage = covered.count() as f64 / f64::from(sets as u32);
        assert!((0.929..=0.971).contains(&coverage), "coverage {coverage}");
    }

    #[test]
    fn unusable_input_is_refused_with_its_reason() {
        let (scores, defects) = ([1.0, 2.0], [false, true]);
        let of = |first: &[&[f64]], defects: &[bool]| auroc_difference(first, &[&scores], defects);
        assert_eq!(of(&[], &defects), Err(MetricError::NoRuns));
        assert_eq!(
            of(&[&[1.0]], &defects),
            Err(MetricError::LengthsDiffer { scores: 1, labels: 2 })
        );
        assert_eq!(of(&[&scores], &[true, true]), Err(MetricError::NoGoodImage { images: 2 }));
        let single = of(&[&scores], &defects).expect("valid input");
        assert_eq!(single.standard_error, f64::INFINITY);
    }
}
