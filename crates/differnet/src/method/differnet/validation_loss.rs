//! Loss of the validation set, which stops training.

/// Mean of the lowest `share` of `losses`, at least one.
pub(super) fn likelier_mean(mut losses: Vec<f64>, share: f64) -> f64 {
    losses.sort_by(f64::total_cmp);
    let count = ((losses.len() as f64 * share).ceil() as usize).clamp(1, losses.len());
    losses[..count].iter().sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_likely_rows_are_left_out_of_the_mean() {
        let losses = vec![1e9, 2.0, 1.0, 3.0];
        assert_eq!(likelier_mean(losses.clone(), 0.75), 2.0);
        assert_eq!(likelier_mean(losses.clone(), 0.6), 2.0);
        assert_eq!(likelier_mean(losses, 0.01), 1.0);
        assert_eq!(likelier_mean(vec![f64::NAN, 1.0], 0.5), 1.0);
    }
}
