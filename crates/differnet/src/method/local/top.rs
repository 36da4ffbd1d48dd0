//! From a value for each place to the score of an image, and to its map.

/// Share of the places that an image's score averages, the largest, percent.
const PERCENT: usize = 3;

/// The values averaged over 3 × 3 neighbours that count, `[height, width]`; 0 at places that do not count.
pub(super) fn smoothed(values: &[f64], counts: &[bool], width: usize) -> Vec<f64> {
    let height = values.len() / width;
    let smooth = |place: usize| {
        if !counts[place] {
            return 0.0;
        }
        let (y, x) = (place / width, place % width);
        let rows = y.saturating_sub(1)..(y + 2).min(height);
        let (mut sum, mut count) = (0.0, 0_u32);
        for row in rows {
            for column in x.saturating_sub(1)..(x + 2).min(width) {
                if counts[row * width + column] {
                    sum += values[row * width + column];
                    count += 1;
                }
            }
        }
        sum / f64::from(count)
    };
    (0..values.len()).map(smooth).collect()
}

/// The mean of the largest 3 % of the values at places that count, at least one; 0 if none counts.
pub(super) fn top_mean(values: &[f64], counts: &[bool]) -> f64 {
    let counted = values.iter().zip(counts).filter(|(_, counts)| **counts);
    let mut counted: Vec<f64> = counted.map(|(value, _)| *value).collect();
    counted.sort_by(|a, b| b.total_cmp(a));
    let top = &counted[..(counted.len() * PERCENT / 100).max(1).min(counted.len())];
    if top.is_empty() { 0.0 } else { top.iter().sum::<f64>() / top.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_do_not_count_have_no_part() {
        let values = [1.0, 2.0, 90.0, 4.0];
        assert_eq!(smoothed(&values, &[true; 4], 4), [1.5, 31.0, 32.0, 47.0]);
        assert_eq!(smoothed(&values, &[true, true, false, true], 4), [1.5, 1.5, 0.0, 4.0]);
    }

    #[test]
    fn the_largest_values_make_the_score() {
        let values: Vec<f64> = (0..250).map(f64::from).collect();
        assert_eq!(top_mean(&values, &[true; 250]), 246.0);
        let mut counts = [true; 250];
        counts[249] = false;
        assert_eq!(top_mean(&values, &counts), 245.0);
        assert_eq!(top_mean(&[3.0, 1.0], &[true; 2]), 3.0);
        assert_eq!(top_mean(&[3.0], &[false]), 0.0);
    }
}
