//! Gaussian blur as SciPy's `gaussian_filter`: mirrored borders, kernel cut at 4 σ.

use rayon::prelude::*;

/// Kernel radius in standard deviations.
const TRUNCATE: f64 = 4.0;
/// Pixels whose sums stay in registers while the kernel passes.
const TOGETHER: usize = 32;

/// `plane`, rows of `width`, convolved with a Gaussian of standard deviation `sigma` pixels.
pub(super) fn gaussian(plane: &[f32], width: usize, sigma: f64) -> Vec<f32> {
    let kernel = half_kernel(sigma);
    if kernel.len() == 1 {
        return plane.to_vec();
    }
    let (height, radius) = (plane.len() / width, kernel.len() - 1);
    let (inner, padded) = (radius..radius + width, width + 2 * radius);
    let mut blurred = vec![0.0; plane.len()];
    let rows = blurred.par_chunks_exact_mut(width).enumerate();
    rows.for_each_init(
        || vec![0.0; padded],
        |line, (y, out)| {
            let above = |offset| &plane[mirrored(y as isize + offset, height) * width..][..width];
            let down = signed(&kernel).map(|(offset, weight)| (weight, above(offset)));
            weighted_sum(&mut line[inner.clone()], down);
            for at in (0..inner.start).chain(inner.end..padded) {
                line[at] = line[radius + mirrored(at as isize - radius as isize, width)];
            }
            let shifted = |offset| &line[(radius as isize + offset) as usize..][..width];
            weighted_sum(out, signed(&kernel).map(|(offset, weight)| (weight, shifted(offset))));
        },
    );
    blurred
}

/// Σ weight · row, to `to`, which is as long as each row.
fn weighted_sum<'a>(to: &mut [f32], terms: impl Iterator<Item = (f32, &'a [f32])> + Clone) {
    let (blocks, rest) = to.as_chunks_mut::<TOGETHER>();
    let whole = blocks.len() * TOGETHER;
    for (index, block) in blocks.iter_mut().enumerate() {
        let mut sums = [0.0; TOGETHER];
        for (weight, row) in terms.clone() {
            let values: &[f32; TOGETHER] = &row.as_chunks().0[index];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
        *block = sums;
    }
    for (at, sum) in (whole..).zip(rest) {
        *sum = terms.clone().fold(0.0, |sum, (weight, row)| sum + weight * row[at]);
    }
}

/// Weights of a Gaussian of standard deviation `sigma` pixels at distances 0, 1, 2, … up to 4 σ; they and their mirror images sum to 1.
pub fn half_kernel(sigma: f64) -> Vec<f32> {
    if sigma <= 0.0 {
        return vec![1.0];
    }
    let radius = (TRUNCATE * sigma + 0.5) as usize;
    let weights: Vec<f64> =
        (0..=radius).map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp()).collect();
    let sum = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

/// Every offset of the kernel with its weight.
fn signed(half: &[f32]) -> impl Iterator<Item = (isize, f32)> + Clone {
    let negative = half.iter().enumerate().skip(1).map(|(x, weight)| (-(x as isize), *weight));
    half.iter().enumerate().map(|(x, weight)| (x as isize, *weight)).chain(negative)
}

/// Index of `at` in a row of `count` mirrored at both ends: c b a | a b c | c b a.
fn mirrored(at: isize, count: usize) -> usize {
    let period = 2 * count as isize;
    let at = at.rem_euclid(period);
    if at < count as isize { at as usize } else { (period - 1 - at) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_the_kernel_and_the_sum_stays() {
        let mut plane = vec![0.0; 41 * 31];
        plane[15 * 41 + 20] = 1.0;
        let blurred = gaussian(&plane, 41, 2.0);
        // Peak of a 2-d Gaussian: 1 / (2π·4) = 0.0398; one σ away in x: times e^(−1/2).
        assert!((blurred[15 * 41 + 20] - 0.0398).abs() < 1e-4);
        let ratio = blurred[15 * 41 + 22] / blurred[15 * 41 + 20];
        assert!((ratio - (-0.5_f32).exp()).abs() < 1e-5);
        assert!((blurred.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn borders_are_mirrored_even_where_the_kernel_is_wider_than_the_plane() {
        let indices: Vec<usize> = (-4..7).map(|at| mirrored(at, 3)).collect();
        assert_eq!(indices, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0].map(|at: usize| at));
        let blurred = gaussian(&[5.0; 6], 3, 3.0);
        assert!(blurred.iter().all(|value| (value - 5.0).abs() < 1e-5));
    }
}
