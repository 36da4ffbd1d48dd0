//! Test images that cost the most AUROC: where methods fail, and whether another one does not.

use std::collections::BTreeMap;

use differnet_eval::{ScoredImage, pairs_won};

use super::document::Table;
use super::summary::Measurement;

/// The AUROC that each image costs: the share of all pairs of a good and a defective image that it is in
/// and that are in the wrong order, equal scores by half.
///
/// Each such pair counts for both of its images: all costs together are twice what the AUROC lacks of 1.
///
/// `None` for a test that has no AUROC.
fn costs(images: &[ScoredImage]) -> Option<Vec<f64>> {
    let scores: Vec<f64> = images.iter().map(|image| image.score).collect();
    let defects: Vec<bool> = images.iter().map(ScoredImage::is_defect).collect();
    let won = pairs_won(&scores, &defects).ok()?;
    let defect_images = defects.iter().filter(|&&defect| defect).count();
    let others = [defect_images, images.len() - defect_images];
    let pairs = (others[0] * others[1]) as f64;
    let costs = won.into_iter().zip(defects);
    Some(costs.map(|(won, defect)| (others[usize::from(defect)] as f64 - won) / pairs).collect())
}

/// Table of the `count` images of a test that cost most over all methods, in percentage points of each
/// method's AUROC, means over its seeds.
pub(super) fn hardest(
    count: usize,
    category: &str,
    methods: &[(String, Vec<Measurement<'_>>)],
) -> Table {
    let mut by_image: BTreeMap<&str, (&str, Vec<f64>)> = BTreeMap::new();
    for (column, (_, runs)) in methods.iter().enumerate() {
        for run in runs {
            let images = &run.test.images;
            for (image, cost) in images.iter().zip(costs(images).unwrap_or_default()) {
                let kind = image.kind.as_deref().unwrap_or("good");
                let none = || (kind, vec![0.0; methods.len()]);
                let (_, costs) = by_image.entry(&image.path).or_insert_with(none);
                costs[column] += cost / runs.len() as f64;
            }
        }
    }
    let mut images: Vec<_> = by_image.into_iter().collect();
    let sum = |costs: &[f64]| costs.iter().sum::<f64>();
    // Stable: images that cost the same are in the order of their paths.
    images.sort_by(|(_, (_, a)), (_, (_, b))| sum(b).total_cmp(&sum(a)));

    let mut headers = vec!["image", "is"];
    headers.extend(methods.iter().map(|(title, _)| title.as_str()));
    let title = format!("AUROC that single images of {category} cost, in percentage points");
    let mut table = Table::new(&title, &headers);
    for (path, (kind, costs)) in images.into_iter().take(count) {
        let mut row = vec![path.to_owned(), kind.to_owned()];
        row.extend(costs.iter().map(|cost| format!("{:.1}", 100.0 * cost)));
        table.rows.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::summary::measurements;
    use super::super::test_inputs::result;
    use super::*;

    fn image(path: &str, kind: Option<&str>, score: f64) -> ScoredImage {
        ScoredImage { path: path.into(), kind: kind.map(String::from), score, invalid: None }
    }

    #[test]
    fn costs_by_hand() {
        // Of 6 pairs, (dent, dusty) is in the wrong order and (scratch, dusty) undecided.
        let images = [
            image("clean", None, 1.0),
            image("dusty", None, 3.0),
            image("plain", None, 0.0),
            image("dent", Some("dent"), 2.0),
            image("scratch", Some("scratch"), 3.0),
        ];
        let costs = costs(&images).expect("both kinds are there");
        let costs: Vec<f64> = costs.iter().map(|cost| 12.0 * cost).collect();
        assert_eq!(costs, [0.0, 3.0, 0.0, 2.0, 1.0]);
    }

    #[test]
    fn the_hardest_images_come_first_and_seeds_are_averaged() {
        let mut results = [result("nut", 1, 0.9), result("nut", 2, 0.9)];
        for (result, dent) in results.iter_mut().zip([0.5, 4.0]) {
            result.tests[0].images = vec![
                image("a", None, 1.0),
                image("b", None, 0.0),
                image("c", Some("dent"), dent),
                image("d", Some("dent"), 5.0),
            ];
        }
        let runs = measurements(&results);
        let methods = [("DifferNet".to_owned(), runs), ("none".to_owned(), Vec::new())];
        let table = hardest(2, "nut", &methods);
        assert_eq!(table.headers, ["image", "is", "DifferNet", "none"]);
        // One of 4 pairs in one of two runs: 12.5 points for either image of it.
        assert_eq!(table.rows, [["a", "good", "12.5", "0.0"], ["c", "dent", "12.5", "0.0"]]);
    }
}
