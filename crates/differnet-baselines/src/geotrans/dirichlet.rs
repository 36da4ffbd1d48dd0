//! The Dirichlet distribution of a classifier's outputs (Golan and El-Yaniv 2018, Section 3.2).
//!
//! Maximum likelihood after Minka, "Estimating a Dirichlet distribution" (2000).

use statrs::function::gamma::digamma;

/// Iterations after which the fit stops, converged or not; the authors' settings.
const MAX_ITERATIONS: usize = 1000;
/// Change of α below which the fit has converged; the authors' settings.
const TOLERANCE: f64 = 1e-9;
/// −ψ(1).
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// Sufficient statistics of points on the simplex.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    count: f64,
    sums: Vec<f64>,
    log_sums: Vec<f64>,
}

impl Moments {
    /// No points with `categories` coordinates yet.
    pub(crate) fn new(categories: usize) -> Self {
        Self { count: 0.0, sums: vec![0.0; categories], log_sums: vec![0.0; categories] }
    }

    /// Adds the point whose coordinates have these logarithms.
    pub(crate) fn add(&mut self, logarithms: impl IntoIterator<Item = f64>) {
        self.count += 1.0;
        for ((sum, log_sum), logarithm) in
            self.sums.iter_mut().zip(&mut self.log_sums).zip(logarithms)
        {
            *sum += logarithm.exp();
            *log_sum += logarithm;
        }
    }

    /// The parameters α under which the points are most likely.
    pub(crate) fn most_likely(&self) -> Vec<f64> {
        let mean = |sums: &[f64]| sums.iter().map(|sum| sum / self.count).collect::<Vec<f64>>();
        let (means, log_means) = (mean(&self.sums), mean(&self.log_sums));
        fixed_point(first_guess(&means, &log_means), &log_means)
    }
}

/// Means of the points, scaled by Minka's approximation of Σα (his Eq. 24, solved for the sum).
fn first_guess(means: &[f64], log_means: &[f64]) -> Vec<f64> {
    let spread: f64 = means
        .iter()
        .zip(log_means)
        .map(|(mean, log_mean)| if *mean > 0.0 { mean * (mean.ln() - log_mean) } else { 0.0 })
        .sum();
    // Points that all agree have no finite best α; the bound keeps the guess finite.
    let sum = (means.len() - 1) as f64 * EULER_GAMMA / spread.max(1e-9);
    // A coordinate that underflows to zero everywhere still needs a positive α.
    means.iter().map(|mean| (mean * sum).max(1e-6)).collect()
}

/// Minka's fixed point, ψ(α) = ψ(Σα) + mean log p, which never lowers the likelihood.
fn fixed_point(mut alpha: Vec<f64>, log_means: &[f64]) -> Vec<f64> {
    for _ in 0..MAX_ITERATIONS {
        let common = digamma(alpha.iter().sum());
        let mut change = 0.0;
        for (alpha, log_mean) in alpha.iter_mut().zip(log_means) {
            let next = inverse_digamma(common + log_mean);
            change += (next - *alpha) * (next - *alpha);
            *alpha = next;
        }
        if change.sqrt() < TOLERANCE {
            break;
        }
    }
    alpha
}

/// ψ′(x) for x > 0.
fn trigamma(mut x: f64) -> f64 {
    // ψ′(x) = ψ′(x + 1) + 1/x² up to where the asymptotic series has full precision.
    let mut shift = 0.0;
    while x < 10.0 {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = inverse
        * (1.0 / 6.0
            - inverse
                * (1.0 / 30.0
                    - inverse * (1.0 / 42.0 - inverse * (1.0 / 30.0 - inverse * (5.0 / 66.0)))));
    shift + 1.0 / x + 0.5 * inverse + series / x
}

/// The x > 0 with ψ(x) = y, by Newton's method from Minka's start.
fn inverse_digamma(y: f64) -> f64 {
    let mut x = if y >= -2.22 { y.exp() + 0.5 } else { -1.0 / (y + EULER_GAMMA) };
    // The start is good enough for five steps to reach full precision.
    for _ in 0..5 {
        x -= (digamma(x) - y) / trigamma(x);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() <= tolerance * right.abs().max(1.0), "{left} and {right}");
    }

    #[test]
    fn special_functions_agree_with_known_values() {
        use std::f64::consts::{LN_2, PI};
        // The first term that the series leave out is 691/32760 · 10⁻¹² at their start, x = 10.
        const SERIES: f64 = 1e-13;
        assert_close(digamma(0.5), -EULER_GAMMA - 2.0 * LN_2, SERIES);
        assert_close(trigamma(1.0), PI * PI / 6.0, SERIES);
        assert_close(trigamma(0.5), PI * PI / 2.0, SERIES);
        for x in [1e-4, 0.03, 0.6, 1.0, 7.0, 1e5] {
            assert_close(inverse_digamma(digamma(x)), x, 1e-10);
        }
    }

    #[test]
    fn exact_moments_give_back_their_parameters() {
        // E[log p] = ψ(α) − ψ(Σα); the best α for these means is α itself.
        for alpha in [vec![2.0, 5.0, 0.7], vec![0.05, 12.0, 0.1, 0.3], vec![1.0; 6]] {
            let sum: f64 = alpha.iter().sum();
            let log_means: Vec<f64> = alpha.iter().map(|a| digamma(*a) - digamma(sum)).collect();
            let start = first_guess(&alpha.iter().map(|a| a / sum).collect::<Vec<_>>(), &log_means);
            for (found, alpha) in fixed_point(start, &log_means).iter().zip(&alpha) {
                assert_close(*found, *alpha, 1e-5);
            }
        }
    }

    #[test]
    fn a_symmetric_sample_has_symmetric_parameters() {
        let mut moments = Moments::new(3);
        for point in [[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6_f64]] {
            moments.add(point.map(f64::ln));
        }
        let alpha = moments.most_likely();
        assert_close(alpha[1], alpha[0], 1e-9);
        assert_close(alpha[2], alpha[0], 1e-9);
        // The likelihood's slope, ψ(Σα) − ψ(α) + mean log p, vanishes at its maximum.
        let log_mean = (0.6_f64.ln() + 0.3_f64.ln() + 0.1_f64.ln()) / 3.0;
        assert_close(digamma(3.0 * alpha[0]) - digamma(alpha[0]) + log_mean, 0.0, 1e-6);
    }

    #[test]
    fn points_that_agree_or_vanish_give_finite_parameters() {
        let mut moments = Moments::new(3);
        for _ in 0..4 {
            moments.add([0.0, -800.0, -900.0]);
        }
        let alpha = moments.most_likely();
        assert!(alpha.iter().all(|alpha| alpha.is_finite() && *alpha > 0.0), "{alpha:?}");
    }
}
