//! Sequential minimal optimization of the one-class SVM, two coefficients at a time.
//!
//! The pair is chosen by second-order information (Fan, Chen, Lin 2005): the coefficient that most
//! wants to grow, and the one that together with it lowers the objective most.

use differnet_progress::{Cancelled, Monitor, Progress, Stage};

use super::kernel_cache::KernelCache;
use crate::error::BaselineError;

/// Updates between two reports of progress.
const REPORTED: u64 = 512;
/// Coefficients of the start between two reports.
const STARTED: usize = 256;
/// Most updates for each row; far more than any fit needs that gets to its end.
const UPDATES_PER_ROW: u64 = 10_000;
/// Smallest curvature along a pair, where equal points would have none.
const CURVATURE: f64 = 1e-12;
/// Steps of the progress.
const STEPS: f64 = 1000.0;

/// min ½ αᵀKα over 0 ≤ αᵢ ≤ 1, Σ αᵢ = νn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem {
    /// ν
    pub(super) nu: f64,
    /// Largest violation of the optimality conditions to end with.
    pub(super) tolerance: f64,
}

/// The optimum.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    /// α
    pub(super) alphas: Vec<f64>,
    /// ρ: the gradient of every coefficient strictly between its bounds.
    pub(super) rho: f64,
}

/// Coefficients on their way to the optimum.
struct State {
    alphas: Vec<f64>,
    /// Kα
    gradients: Vec<f64>,
}

impl Problem {
    /// The optimum.
    pub(super) fn solve(
        &self,
        cache: &mut KernelCache<'_>,
        monitor: &Monitor<'_>,
    ) -> Result<Solution, BaselineError> {
        let mut state = State::feasible(self.nu, cache, monitor)?;
        let (mut first, mut done) = (None, 0);
        let limit = UPDATES_PER_ROW * cache.count() as u64;
        for updates in 0.. {
            let Some(grow) = state.most_willing_to_grow() else { break };
            let (violation, shrink) = state.partner(grow, cache.row(grow));
            let first = *first.get_or_insert(violation);
            if violation <= self.tolerance {
                break;
            }
            let Some(shrink) = shrink else { break };
            if updates == limit {
                return Err(BaselineError::NotConverged { updates, violation });
            }
            if updates.is_multiple_of(REPORTED) {
                done = self.share(first, violation).max(done);
                monitor.report(Progress::new(Stage::Solving, done, STEPS as usize))?;
            }
            state.update(grow, shrink, cache.pair(grow, shrink));
        }
        let rho = state.rho();
        Ok(Solution { alphas: state.alphas, rho })
    }

    /// Share of the way from the `first` violation to the tolerance that is done, in thousandths.
    ///
    /// Violations fall steadily at first, and by ratios in the end: the mean of both measures.
    fn share(&self, first: f64, violation: f64) -> usize {
        let steadily = (first - violation) / (first - self.tolerance);
        let by_ratios = (first / violation).ln() / (first / self.tolerance).ln();
        (f64::midpoint(steadily, by_ratios).clamp(0.0, 1.0) * STEPS) as usize
    }
}

impl State {
    /// The start: the first νn coefficients at their upper bound.
    fn feasible(
        nu: f64,
        cache: &mut KernelCache<'_>,
        monitor: &Monitor<'_>,
    ) -> Result<Self, Cancelled> {
        let count = cache.count();
        let sum = nu * count as f64;
        let alphas: Vec<f64> = (0..count).map(|at| (sum - at as f64).clamp(0.0, 1.0)).collect();
        let mut gradients = vec![0.0; count];
        let total = alphas.iter().filter(|alpha| **alpha > 0.0).count();
        for (at, &alpha) in alphas[..total].iter().enumerate() {
            if at % STARTED == 0 {
                monitor.report(Progress::new(Stage::Statistics, at, total))?;
            }
            for (gradient, &kernel) in gradients.iter_mut().zip(cache.row(at)) {
                *gradient += alpha * f64::from(kernel);
            }
        }
        Ok(Self { alphas, gradients })
    }

    /// The coefficient below its upper bound with the smallest gradient.
    fn most_willing_to_grow(&self) -> Option<usize> {
        let mut best = None;
        let mut smallest = f64::INFINITY;
        for (at, (&gradient, &alpha)) in self.gradients.iter().zip(&self.alphas).enumerate() {
            if alpha < 1.0 && gradient < smallest {
                (best, smallest) = (Some(at), gradient);
            }
        }
        best
    }

    /// Violation of the optimality conditions, and the coefficient above its lower bound
    /// that lowers the objective most as `grow` grows at its expense; `kernels` is the kernel of
    /// `grow` with every point.
    fn partner(&self, grow: usize, kernels: &[f32]) -> (f64, Option<usize>) {
        let smallest = self.gradients[grow];
        let mut largest = f64::NEG_INFINITY;
        let mut best = None;
        let mut gain = 0.0;
        let rows = self.gradients.iter().zip(&self.alphas).zip(kernels);
        for (at, ((&gradient, &alpha), &kernel)) in rows.enumerate() {
            if alpha <= 0.0 {
                continue;
            }
            largest = largest.max(gradient);
            let slope = gradient - smallest;
            if slope > 0.0 {
                let decrease = slope * slope / curvature(kernel);
                if decrease > gain {
                    (best, gain) = (Some(at), decrease);
                }
            }
        }
        (largest - smallest, best)
    }

    /// Moves as much from `shrink` to `grow` as lowers the objective most within the bounds.
    fn update(&mut self, grow: usize, shrink: usize, kernels: (&[f32], &[f32])) {
        let slope = self.gradients[shrink] - self.gradients[grow];
        let (above, below) = (1.0 - self.alphas[grow], self.alphas[shrink]);
        let step = (slope / curvature(kernels.0[shrink])).min(above).min(below);
        // Bounds are met exactly, so that a coefficient at one of them is recognised.
        self.alphas[grow] = if step == above { 1.0 } else { self.alphas[grow] + step };
        self.alphas[shrink] = if step == below { 0.0 } else { below - step };
        let rows = kernels.0.iter().zip(kernels.1);
        for (gradient, (&a, &b)) in self.gradients.iter_mut().zip(rows) {
            *gradient += step * (f64::from(a) - f64::from(b));
        }
    }

    /// The mean gradient of the coefficients strictly between their bounds; without any, the middle
    /// of what the others leave open.
    fn rho(&self) -> f64 {
        let (mut sum, mut free) = (0.0, 0_u32);
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for (&gradient, &alpha) in self.gradients.iter().zip(&self.alphas) {
            if alpha >= 1.0 {
                low = low.max(gradient);
            } else if alpha <= 0.0 {
                high = high.min(gradient);
            } else {
                sum += gradient;
                free += 1;
            }
        }
        match (free, low.is_finite(), high.is_finite()) {
            (1.., ..) => sum / f64::from(free),
            (0, true, true) => f64::midpoint(low, high),
            // With ν = 1 all coefficients are at their upper bound.
            (0, true, false) => low,
            (0, false, _) => high,
        }
    }
}

/// The objective's curvature as one coefficient grows at another's expense: K(i, i) + K(j, j) −
/// 2 K(i, j), where K(i, i) = 1.
fn curvature(kernel: f32) -> f64 {
    (2.0 - 2.0 * f64::from(kernel)).max(CURVATURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distances::Points;
    use crate::one_class_svm::kernel::Kernel;

    fn solve(nu: f64, tolerance: f64, points: &Points) -> Result<Solution, BaselineError> {
        let kernel = Kernel { gamma: 0.4 };
        let mut cache = KernelCache::new(&kernel, points);
        let problem = Problem { nu, tolerance };
        problem.solve(&mut cache, &Monitor::silent())
    }

    fn points(count: usize) -> Points {
        Points::new((0..count * 3).map(|at| (at as f64 * 0.7).sin() * 2.0).collect(), 3)
    }

    #[test]
    fn the_optimality_conditions_hold() {
        let points = points(230);
        for nu in [0.004, 0.1, 0.5, 0.97, 1.0] {
            let Solution { alphas, rho } = solve(nu, 1e-6, &points).unwrap();
            assert!(alphas.iter().all(|alpha| (0.0..=1.0).contains(alpha)));
            assert!((alphas.iter().sum::<f64>() - nu * 230.0).abs() < 1e-9);
            let kernel = Kernel { gamma: 0.4 };
            let mut cache = KernelCache::new(&kernel, &points);
            for (at, &alpha) in alphas.iter().enumerate() {
                let terms = cache.row(at).iter().zip(&alphas);
                let gradient: f64 = terms.map(|(&kernel, alpha)| f64::from(kernel) * alpha).sum();
                // A coefficient may only be at a bound if its gradient pushes it there.
                let wrong = match alpha {
                    0.0 => rho - gradient,
                    1.0 => gradient - rho,
                    _ => (gradient - rho).abs(),
                };
                assert!(wrong < 1e-5, "{at}: {alpha}, {gradient} for {rho}");
            }
        }
    }

    #[test]
    fn two_points_by_hand() {
        // α₁ + α₂ = 1 and by symmetry α = (½, ½): both gradients are ½ (1 + exp(−0.4 · 4)).
        let points = Points::new(vec![0.0, 2.0], 1);
        let Solution { alphas, rho } = solve(0.5, 1e-9, &points).unwrap();
        let expected = 0.5 * (1.0 + (-1.6_f64).exp());
        // The kernel is kept in single precision.
        assert!(alphas.iter().all(|alpha| (alpha - 0.5).abs() < 1e-6));
        assert!((rho - expected).abs() < 1e-7);
    }

    #[test]
    fn an_unreachable_tolerance_is_an_error_and_not_an_endless_loop() {
        match solve(0.3, f64::MIN_POSITIVE, &points(40)) {
            Err(BaselineError::NotConverged { updates, violation }) => {
                assert!(updates == 400_000 && violation < 1e-12);
            }
            // Rounding may also leave nothing to gain.
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
