//! Tests while training, as tables and figures: what other choices of the weights would have given.

use differnet::scoring::Average;
use differnet_report::{CurvePoint, CurvesPlot, XScale, curves_svg};

use super::cell::{CellResult, StepTest};
use super::document::{Figure, Table, TableCell};
use super::paper;
use super::summary::percent;
use super::watch::AVERAGES;

/// Note on the tables that compare choices of the weights.
pub(super) const BEST_ON_TEST: &str = "Best on test is what choosing the weights on the test images would \
    have given; it is shown, not used. A detector keeps the weights that validation images choose, or the \
    last.";

/// A training in tables: its name, and the result if it was measured.
pub(super) type Named<'a> = (String, Option<&'a CellResult>);

/// Results of different choices of the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choices {
    /// The last look.
    pub(super) last: StepTest,
    /// The look at which validation images were likeliest, if there were any.
    pub(super) by_validation: Option<StepTest>,
    /// The look with the largest AUROC on the test images; the first of equal ones.
    pub(super) best_on_test: StepTest,
}

/// The choices among the looks with this many test transforms and this average.
pub(super) fn choices(looks: &[StepTest], transforms: usize, average: Average) -> Option<Choices> {
    let looks: Vec<StepTest> = looks
        .iter()
        .filter(|look| look.transforms == transforms && look.average == average)
        .copied()
        .collect();
    let validated = looks.iter().filter_map(|look| Some((look.validation?, *look)));
    let by_validation = validated.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, look)| look);
    // `max_by` would take the last of equal ones.
    let best_on_test = looks.iter().rev().copied().max_by(|a, b| a.auroc.total_cmp(&b.auroc))?;
    Some(Choices { last: *looks.last()?, by_validation, best_on_test })
}

/// Every training with this many test transforms; `name` is what the first column, `header`, calls it.
pub(super) fn by_choice(
    results: &[CellResult],
    transforms: usize,
    header: &str,
    name: impl Fn(&CellResult) -> String,
) -> Table {
    let headers = [
        header,
        "seed",
        "average",
        "last",
        "at update",
        "chosen by validation images",
        "at update",
        "best on test",
        "at update",
    ];
    let title =
        format!("AUROC in percent, {transforms} test transforms; updates behind the weights");
    let mut table = Table::new(title, &headers);
    for cell in results {
        for average in AVERAGES {
            let Some(found) = choices(&cell.looks, transforms, average) else { continue };
            let mut row = vec![name(cell), cell.seed.to_string(), average_name(average)];
            for look in [Some(found.last), found.by_validation, Some(found.best_on_test)] {
                let auroc = look.map_or("–".to_owned(), |look| percent(look.auroc));
                row.extend([auroc, look.map_or("–".to_owned(), |look| look.update.to_string())]);
            }
            table.rows.push(row);
        }
    }
    table
}

/// The AUROC at every validation step, a column for each training; the settings' own average.
pub(super) fn by_update(trainings: &[Named<'_>], transforms: usize) -> Table {
    let names = trainings.iter().map(|(name, _)| name.as_str());
    let headers: Vec<&str> = ["updates"].into_iter().chain(names).collect();
    let title = format!("AUROC in percent over updates, {transforms} test transforms, first seed");
    let mut table = Table::new(title, &headers);
    let columns: Vec<Vec<StepTest>> = trainings
        .iter()
        .map(|(_, cell)| cell.map_or(Vec::new(), |cell| own_looks(cell, transforms)))
        .collect();
    let mut updates: Vec<u64> = columns.iter().flatten().map(|look| look.update).collect();
    updates.sort_unstable();
    updates.dedup();
    for update in updates {
        let mut row = vec![update.to_string()];
        row.extend(columns.iter().map(|looks| {
            let look = looks.iter().find(|look| look.update == update);
            look.map_or("missing".to_owned(), |look| percent(look.auroc))
        }));
        table.rows.push(row);
    }
    table
}

/// Curve of the AUROC over updates of every training that was tested meanwhile; none without any.
pub(super) fn over_updates(
    file: &'static str,
    trainings: &[Named<'_>],
    transforms: usize,
) -> anyhow::Result<Vec<Figure>> {
    let curve = |(name, cell): &Named<'_>| {
        let point =
            |look: StepTest| CurvePoint { x: look.update as f64, y: look.auroc, spread: 0.0 };
        let looks = cell.map_or(Vec::new(), |cell| own_looks(cell, transforms));
        (name.clone(), looks.into_iter().map(point).collect::<Vec<_>>())
    };
    let curves: Vec<(String, Vec<CurvePoint>)> =
        trainings.iter().map(curve).filter(|(_, points)| !points.is_empty()).collect();
    if curves.is_empty() {
        return Ok(Vec::new());
    }
    let plot = CurvesPlot {
        description: "AUROC over updates for several trainings".to_owned(),
        x: "Updates".to_owned(),
        x_scale: XScale::Linear,
        y: "AUROC".to_owned(),
        curves,
    };
    let title = format!("AUROC over updates, {transforms} test transforms");
    Ok(vec![Figure { file, title, svg: curves_svg(&plot)? }])
}

/// The looks with this many test transforms and the average of the settings.
fn own_looks(cell: &CellResult, transforms: usize) -> Vec<StepTest> {
    let own =
        |look: &&StepTest| look.transforms == transforms && look.average == cell.config.average;
    cell.looks.iter().filter(own).copied().collect()
}

/// The entry of one look; `paper` is in percent.
pub(super) fn of_look(cell: &CellResult, look: &StepTest, paper: Option<f64>) -> TableCell {
    TableCell {
        category: cell.category.clone(),
        method: cell.method_name(),
        variant: cell.variant.clone(),
        seed: cell.seed,
        auroc: look.auroc,
        ci95: None,
        average_precision: None,
        recall_at_zero_fp: look.recall_at_zero_fp,
        per_kind: Vec::new(),
        update: Some(look.update),
        test_transforms: look.transforms,
        random_transforms: false,
        average: look.average,
        training_images: cell.training_images,
        images: None,
        good: None,
        defects: None,
        train_seconds: cell.train_seconds,
        evaluate_seconds: None,
        rows_extracted: cell.rows_extracted,
        resumed: cell.resumed,
        peak_mb: cell.peak_mb,
        paper: paper.map(paper::share),
        commit: cell.environment.short_commit(),
    }
}

/// The name of an average in tables.
pub(super) fn average_name(average: Average) -> String {
    match average {
        Average::Mean => "mean",
        Average::GeometricMean => "geometric mean",
        Average::InterquartileMean => "interquartile mean",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::{look, result};
    use super::*;

    #[test]
    fn each_choice_takes_its_own_look() {
        let looks = [look(1, 3.0, 0.8), look(2, 1.0, 0.7), look(3, 2.0, 0.9), look(4, 2.5, 0.9)];
        let found = choices(&looks, 64, Average::Mean).expect("there are looks");
        assert_eq!(found.last.update, 4);
        assert_eq!(found.by_validation.map(|look| look.update), Some(2));
        assert_eq!(found.best_on_test.update, 3);
        assert!(choices(&looks, 32, Average::Mean).is_none());
        assert!(choices(&looks, 64, Average::GeometricMean).is_none());
    }

    #[test]
    fn tables_and_figure_follow_the_looks() -> anyhow::Result<()> {
        let mut cell = result("mtd", 1, 0.9);
        cell.config.average = Average::Mean;
        cell.looks = vec![look(250, 3.0, 0.8), look(500, 1.0, 0.7)];
        let results = [cell];
        let table = by_choice(&results, 64, "training", |_| "a".to_owned());
        let golden = ["a", "1", "mean", "70.0", "500", "70.0", "500", "80.0", "250"];
        assert_eq!(
            (&*table.headers[0], &table.rows[0][..]),
            ("training", &golden.map(String::from)[..])
        );
        let trainings = [("a".to_owned(), Some(&results[0])), ("b".to_owned(), None)];
        let table = by_update(&trainings, 64);
        assert_eq!(table.rows, [["250", "80.0", "missing"], ["500", "70.0", "missing"]]);
        assert!(over_updates("a.svg", &trainings, 64)?[0].svg.contains("AUROC"));
        assert!(over_updates("a.svg", &trainings, 32)?.is_empty());
        Ok(())
    }
}
