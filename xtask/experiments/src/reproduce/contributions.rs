//! What each part of the method brings (Section 4.5): configurations of Table 3 against each other.

use differnet_eval::{AurocDifference, ScoredImage, auroc_difference};

use super::document::Table;
use super::paper::{Configuration, TABLE_3};
use super::summary::{Measurement, difference};

/// A part of the method, the configuration without it and the one with it.
const PARTS: [(&str, &str, &str); 5] = [
    ("multi-scale", "B", "G"),
    ("train transforms", "C", "D"),
    ("4 test transforms", "D", "E"),
    ("16 test transforms", "D", "F"),
    ("64 test transforms", "D", "G"),
];

/// Half the width of a 95 % interval, in standard errors.
const STANDARD_ERRORS: f64 = 1.96;

/// Test transforms of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TestTransforms {
    /// Evenly spaced angles.
    Fixed,
    /// Drawn for each image, where training has transforms.
    Random,
}

/// Table of the parts with the AUROC that each adds: mean over `categories`, of the same test images.
pub(super) fn contributions<'a>(
    categories: &[&str],
    of: &dyn Fn(&Configuration, TestTransforms) -> Vec<Measurement<'a>>,
) -> Table {
    let title = "What each part brings, percentage points of AUROC";
    let mut headers = vec!["part", "with it, without", "difference", "95 % interval"];
    headers.extend(["with random test transforms", "95 % interval", "paper"]);
    headers.extend(categories);
    let mut table = Table::new(title, &headers);
    for (part, without, with) in PARTS {
        let named = |name: &str| TABLE_3.iter().find(|wanted| wanted.name == name);
        let (Some(without), Some(with)) = (named(without), named(with)) else { continue };
        let of_categories = |transforms| -> Vec<Option<AurocDifference>> {
            let (first, second) = (of(without, transforms), of(with, transforms));
            let found = categories.iter().map(|category| difference_on(category, &first, &second));
            found.collect()
        };
        let found = of_categories(TestTransforms::Fixed);
        let means = [told(mean(&found)), told(mean(&of_categories(TestTransforms::Random)))];
        let paper = points((with.auroc - without.auroc) / 100.0);
        let names = format!("{}, {}", with.name, without.name);
        let mut row = vec![part.to_owned(), names];
        row.extend(means.into_iter().flatten());
        row.push(paper);
        row.extend(
            found
                .iter()
                .map(|found| found.map_or("missing".to_owned(), |found| points(found.difference))),
        );
        table.rows.push(row);
    }
    table
}

/// A difference in percentage points, and its 95 % interval.
pub(super) fn told(found: Option<AurocDifference>) -> [String; 2] {
    let Some(AurocDifference { difference, standard_error }) = found else {
        return ["missing", "–"].map(str::to_owned);
    };
    let half = STANDARD_ERRORS * standard_error;
    let [lower, upper] = [difference - half, difference + half].map(points);
    [points(difference), format!("{lower} to {upper}")]
}

/// A difference of shares in percentage points.
fn points(share: f64) -> String {
    difference(share, 0.0)
}

/// The mean of independent differences; `None` if one is missing.
pub(super) fn mean(differences: &[Option<AurocDifference>]) -> Option<AurocDifference> {
    let count = differences.len() as f64;
    let all: Vec<AurocDifference> = differences.iter().copied().collect::<Option<_>>()?;
    let variance: f64 = all.iter().map(|one| one.standard_error.powi(2)).sum();
    Some(AurocDifference {
        difference: all.iter().map(|one| one.difference).sum::<f64>() / count,
        standard_error: variance.sqrt() / count,
    })
}

/// The difference on the images of `category`; `None` without runs of both on the same images.
pub(super) fn difference_on<'a>(
    category: &str,
    first: &[Measurement<'a>],
    second: &[Measurement<'a>],
) -> Option<AurocDifference> {
    let images = |runs: &[Measurement<'a>]| -> Vec<&'a [ScoredImage]> {
        let of_category = runs.iter().filter(|run| run.test.category == category);
        of_category.map(|run| run.test.images.as_slice()).collect()
    };
    let (first, second) = (images(first), images(second));
    let known = *first.first()?;
    let same = |run: &&[ScoredImage]| {
        run.len() == known.len() && run.iter().zip(known).all(|(a, b)| a.path == b.path)
    };
    if !first.iter().chain(&second).all(same) {
        return None;
    }
    let defects: Vec<bool> = known.iter().map(ScoredImage::is_defect).collect();
    let scores = |runs: Vec<&[ScoredImage]>| -> Vec<Vec<f64>> {
        runs.iter().map(|images| images.iter().map(|image| image.score).collect()).collect()
    };
    let (first, second) = (scores(first), scores(second));
    auroc_difference(&first, &second, &defects).ok()
}

#[cfg(test)]
mod tests {
    use super::super::cell::CellResult;
    use super::super::summary::measurements;
    use super::super::test_inputs::result;
    use super::*;

    /// A run whose only defect scores `dent` among good images with 1 and 2.
    fn run(category: &str, dent: f64) -> CellResult {
        let mut result = result(category, 1, 0.5);
        let images = &mut result.tests[0].images;
        for (image, path) in images.iter_mut().zip(["a", "b", "c"]) {
            image.path = path.into();
        }
        let mut more = images[2].clone();
        more.path = "d".into();
        more.score = 5.0;
        images.push(more);
        images[2].score = dent;
        result
    }

    #[test]
    fn a_part_is_the_difference_of_its_configurations() {
        // A defect above one of two good images, and above both.
        let (without, with) =
            ([run("nut", 1.5), run("bolt", 3.0)], [run("nut", 3.0), run("bolt", 3.0)]);
        let of = |wanted: &Configuration, transforms| match (wanted.name, transforms) {
            ("D", _) => measurements(&without),
            ("G", TestTransforms::Fixed) => measurements(&with),
            ("G", TestTransforms::Random) => measurements(&without),
            _ => Vec::new(),
        };
        let table = contributions(&["nut", "bolt"], &of);
        assert_eq!(table.headers[7..], ["nut", "bolt"]);
        let row = table.rows.iter().find(|row| row[1] == "G, D").expect("the pair is there");
        // On nut the defects' parts rise by 1/2 and 0, the good images' by 0 and 1/2: a variance of 1/8 over
        // 2 images of either kind.
        let half = 100.0 * 1.96 * (0.125_f64).sqrt() / 2.0;
        let ends = format!("−{:.1} to +{:.1}", half - 12.5, half + 12.5);
        assert_eq!(row[2..4], ["+12.5", &ends]);
        assert_eq!(row[4..], ["0.0", "0.0 to 0.0", "+8.4", "+25.0", "0.0"]);
        let missing = table.rows.iter().find(|row| row[0] == "multi-scale").expect("a row");
        let golden = ["missing", "–", "missing", "–", "+4.7", "missing", "missing"];
        assert_eq!(missing[2..], golden);
    }

    #[test]
    fn other_images_are_not_compared() {
        let (first, mut second) = ([run("nut", 1.5)], [run("nut", 3.0)]);
        second[0].tests[0].images[0].path = "e".into();
        let [first, second] = [measurements(&first), measurements(&second)];
        assert_eq!(difference_on("nut", &first, &second), None);
        assert_eq!(difference_on("nut", &first, &[]), None);
    }
}
