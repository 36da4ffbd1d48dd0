//! `cargo xtask reproduce-table3`: what scales and transforms bring (Section 4.5).

use std::process::ExitCode;

use differnet::Config;
use differnet::methods::DifferNetConfig;

use super::args::RunArgs;
use super::cell::{CellSpec, TestSpec};
use super::contributions::{TestTransforms, contributions};
use super::document::{COST, Document, Missing, Table, TableCell, cost, note_on_missing};
use super::mvtec::{Found, MvtecArgs};
use super::paper::{Configuration, TABLE_3};
use super::summary::{
    Measurement, Spread, difference, means_over_categories, measurements, spread,
};
use super::{Measured, Plan, config_test, data_name, plain_cell, reproduce};

/// Measure Table 3: configurations A to G of scales and transforms.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask reproduce-table3 --root MVTEC_DIR

Configurations that differ in test transforms alone share a model. Writes table.md, table.csv,
table.json and table.html. An interrupted run goes on where it was.")]
pub(crate) struct Table3Args {
    #[command(flatten)]
    data: MvtecArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) fn run(args: &Table3Args) -> anyhow::Result<ExitCode> {
    let found = args.data.find(&args.run, &args.run.out("table3"))?;
    let mut cells = Vec::new();
    for part in &found.parts {
        for model in models() {
            for seed in 1..=args.run.seeds {
                let config = args.run.config(seed, |config| settings(model[0], config))?;
                let cell = plain_cell(&args.run, std::slice::from_ref(part), config)?;
                let tests = model.iter().flat_map(|wanted| tests(wanted, &cell.config)).collect();
                cells.push(CellSpec { variant: Some(names(&model)), tests, ..cell });
            }
        }
    }
    let plan = Plan { name: "table3", args: &args.run, cells };
    reproduce(plan, |measured| Ok(describe(args, &found, measured)))
}

/// Configurations that differ in test transforms alone, together.
fn models() -> Vec<Vec<&'static Configuration>> {
    let mut models: Vec<Vec<&Configuration>> = Vec::new();
    for wanted in &TABLE_3 {
        let same = |model: &&mut Vec<&Configuration>| {
            model[0].multi_scale == wanted.multi_scale
                && model[0].train_transforms == wanted.train_transforms
        };
        match models.iter_mut().find(same) {
            Some(model) => model.push(wanted),
            None => models.push(vec![wanted]),
        }
    }
    models
}

/// `DEFG`
fn names(model: &[&Configuration]) -> String {
    model.iter().map(|wanted| wanted.name).collect()
}

/// The settings of a model. Without train transforms every row is the image itself.
fn settings(wanted: &Configuration, config: Config) -> Config {
    let config = config.map_differnet(|own| DifferNetConfig {
        scales: if wanted.multi_scale { own.scales } else { 1 },
        ..own
    });
    if wanted.train_transforms {
        return config;
    }
    let draws_anew = config.differnet().is_some_and(|own| own.updates == 0);
    let upright = Config { rotate: false, jitter: 0.0, score_transforms: 1, ..config };
    if draws_anew {
        // The image takes the place of each transform: the same number of updates.
        return upright;
    }
    let once = Config { transforms: 1, ..upright };
    once.map_differnet(|own| DifferNetConfig { pool: 1, rounds: 1, ..own })
}

/// The tests of a configuration: fixed transforms, then random ones where training has them.
fn tests(wanted: &Configuration, config: &Config) -> Vec<TestSpec> {
    let fixed = config_test(config, wanted.test_transforms);
    let random = TestSpec { random: true, ..fixed.clone() };
    if wanted.train_transforms { vec![fixed, random] } else { vec![fixed] }
}

fn describe(args: &Table3Args, found: &Found, measured: &Measured) -> Document {
    let all = measurements(&measured.ran.results);
    let of = |wanted: &Configuration, transforms: TestTransforms| -> Vec<Measurement<'_>> {
        let random = wanted.train_transforms && transforms == TestTransforms::Random;
        let is_of = |m: &&Measurement<'_>| {
            m.cell.variant.as_ref().is_some_and(|variant| variant.contains(wanted.name))
                && m.test.spec.transforms == wanted.test_transforms
                && m.test.spec.random == random
        };
        all.iter().filter(is_of).copied().collect()
    };
    // The paper gives means over all categories: those of fewer are something else.
    let complete = found.has_the_papers();
    let headers = [
        "configuration",
        "multi-scale",
        "train transforms",
        "test transforms",
        "AUROC",
        "paper",
        "difference",
        "AUROC, random test transforms",
        "categories",
    ];
    let title = "AUROC in percent, mean over categories ± standard deviation over seeds";
    let mut table = Table::new(title, &headers);
    let with_name: Vec<&str> = ["configuration"].iter().chain(&COST).copied().collect();
    let mut costs = Table::new("Time and memory of a run", &with_name);
    let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
    for wanted in &TABLE_3 {
        let runs = of(wanted, TestTransforms::Fixed);
        let mean_of =
            |runs: &[Measurement<'_>]| spread(&means_over_categories(runs, found.parts.len()));
        let mean = mean_of(&runs);
        let random = mean_of(&of(wanted, TestTransforms::Random));
        let told = |mean: Option<Spread>| mean.map_or("missing".to_owned(), |mean| mean.percent());
        let difference = match mean {
            Some(mean) if complete => difference(mean.mean, wanted.auroc),
            _ => "–".to_owned(),
        };
        table.rows.push(vec![
            wanted.name.to_owned(),
            yes(wanted.multi_scale),
            yes(wanted.train_transforms),
            wanted.test_transforms.to_string(),
            told(mean),
            format!("{:.1}", wanted.auroc),
            difference,
            if wanted.train_transforms { told(random) } else { "–".to_owned() },
            found.parts.len().to_string(),
        ]);
        costs.rows.push([wanted.name.to_owned()].into_iter().chain(cost(&runs)).collect());
    }
    let categories: Vec<&str> = found.parts.iter().map(|part| part.category.as_str()).collect();
    let cells = TABLE_3.iter().flat_map(|wanted| {
        let transforms = match wanted.train_transforms {
            true => &[TestTransforms::Fixed, TestTransforms::Random][..],
            false => &[TestTransforms::Fixed],
        };
        let runs = transforms.iter().flat_map(|&transforms| of(wanted, transforms));
        let entry = |m| {
            let variant = Some(wanted.name.to_owned());
            TableCell { variant, ..TableCell::of(&m, None) }
        };
        runs.map(entry).collect::<Vec<_>>()
    });
    Document {
        name: "table3",
        title: format!(
            "Table 3: scales and transforms on {}",
            data_name(args.run.sample, "MVTec AD")
        ),
        command: format!("cargo xtask reproduce-table3{} {}", args.data.typed(), args.run.typed()),
        sample: args.run.sample,
        notes: notes(complete, &found.missing),
        tables: vec![table, contributions(&categories, &of), by_category(found, &of), costs],
        figures: Vec::new(),
        cells: cells.collect(),
        missing: found.missing.clone(),
        settings: measured.settings.clone(),
        environment: measured.environment.clone(),
    }
}

fn by_category<'a>(
    found: &Found,
    of: &dyn Fn(&Configuration, TestTransforms) -> Vec<Measurement<'a>>,
) -> Table {
    let headers: Vec<&str> =
        ["category"].into_iter().chain(TABLE_3.iter().map(|wanted| wanted.name)).collect();
    let mut table = Table::new("AUROC in percent of each category", &headers);
    for part in &found.parts {
        let name = &part.category;
        for (title, transforms) in [
            (name.clone(), TestTransforms::Fixed),
            (format!("{name}, random test transforms"), TestTransforms::Random),
        ] {
            let mut row = vec![title];
            for wanted in &TABLE_3 {
                if transforms == TestTransforms::Random && !wanted.train_transforms {
                    row.push("–".to_owned());
                    continue;
                }
                let runs = of(wanted, transforms);
                let of_part = runs.iter().filter(|run| run.test.category == *name);
                let aurocs: Vec<f64> = of_part.map(|run| run.test.metrics.auroc).collect();
                row.push(spread(&aurocs).map_or("missing".to_owned(), |auroc| auroc.percent()));
            }
            table.rows.push(row);
        }
    }
    table
}

fn notes(complete: bool, missing: &[Missing]) -> Vec<String> {
    let mut notes = vec![
        "Test transforms are fixed angles, evenly spaced, the first of them the image itself, and beside \
         them random ones, as in the paper. Without train transforms training sees each image as it is; \
         without multi-scale the flow sees the 256 features of 448 pixels alone."
            .to_owned(),
        "D to G are tests of one model: they share its training.".to_owned(),
        "Differences are of the same test images; their intervals tell how much they would vary \
         with others (DeLong)."
            .to_owned(),
        "The marks of the paper's first two rows are read from its text: multi-scale brings 4.7 \
         points (G against B), C and D differ in train transforms alone, A has neither."
            .to_owned(),
    ];
    if !complete {
        notes.push(
            "The paper's numbers are means over the 15 categories of MVTec AD; of fewer, or of other \
             data, no difference is given."
                .to_owned(),
        );
    }
    notes.extend(note_on_missing(missing));
    notes
}

#[cfg(test)]
mod tests {
    use super::super::forecast::updates;
    use super::*;

    #[test]
    fn four_models_serve_seven_configurations() {
        let names: Vec<String> = models().iter().map(|model| names(model)).collect();
        assert_eq!(names, ["A", "B", "C", "DEFG"]);
    }

    #[test]
    fn settings_follow_the_columns() {
        let quick = Config::preset(differnet::Method::DifferNet, differnet::Preset::Quick);
        let of = |index: usize| settings(&TABLE_3[index], quick.clone());
        assert_eq!(of(6), quick);
        let one_scale = |own| DifferNetConfig { scales: 1, ..own };
        assert_eq!(of(1), quick.clone().map_differnet(one_scale));
        for (config, scales) in [(of(0), 1), (of(2), 3)] {
            let own = config.differnet().expect("DifferNet's");
            assert_eq!((own.scales, config.rotate), (scales, false));
            assert_eq!((config.transforms, own.pool), (1, 1));
            assert_eq!(own.updates, quick.differnet().expect("DifferNet's").updates);
        }
    }

    #[test]
    fn models_without_train_transforms_make_as_many_updates() {
        let paper = Config::preset(differnet::Method::DifferNet, differnet::Preset::Paper);
        let updates = |index: usize| {
            let config = settings(&TABLE_3[index], paper.clone());
            config.differnet().map(|own| updates(&config, own, 209))
        };
        // 192 rounds of 4 · 188 rows in batches of 96.
        assert_eq!((updates(2), updates(3)), (Some(1536), Some(1536)));
    }

    #[test]
    fn random_test_transforms_come_beside_the_fixed_ones_where_training_has_transforms() {
        let quick = Config::preset(differnet::Method::DifferNet, differnet::Preset::Quick);
        let of = |index: usize| {
            let tests = tests(&TABLE_3[index], &quick);
            tests.iter().map(|test| (test.transforms, test.random)).collect::<Vec<_>>()
        };
        assert_eq!(of(2), [(1, false)]);
        assert_eq!(of(4), [(4, false), (4, true)]);
    }
}
