//! `cargo xtask reproduce-figure8`: where the defects are (paper, Figure 8), with both kinds of maps.

mod figure;
mod origin;
mod page;
mod panels;
mod training;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use differnet::progress::CancelToken;
use differnet::{Config, DeviceChoice, Method, Preset, Runtime, environment};
use differnet_data::{Layout, Sample};
use differnet_features::FeatureCache;
use differnet_samples::{SampleConfig, write_sample_dataset};
use xshell::{Shell, cmd};

use crate::preset_arg::preset_parser;
use crate::reproduce::DataPart;
use panels::Panels;
use training::{Model, Trainer};
use xtask_inputs::manifest::Manifest;
use xtask_support::workspace;

/// Exit code after Ctrl-C, as shells report it.
const INTERRUPTED: u8 = 130;

/// Draw Figure 8: original, map and overlay of one image of each kind of defect.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce-figure8 --sample
  cargo xtask reproduce-figure8 --root mvtec_ad
  cargo xtask reproduce-figure8 --root mvtec_ad --categories bottle,cable --preset standard
  cargo xtask reproduce-figure8 --root mvtec_ad --method local-flow
  cargo xtask reproduce-figure8 --root mvtec_ad --categories bottle --mtd-root MTD_DIR --mtd-train-list FILE

Writes figure8.png and figure8.html to --out. Of each kind of defect the first file is shown, not the
one that looks best. Rows of --method are below the paper's and say that they are not. Trained models
and features are kept in --out: a second run does not train again, and one that was stopped goes on.")]
pub(crate) struct Figure8Args {
    /// Folder of MVTec AD: ROOT/CATEGORY/train/good and so on.
    #[arg(long, value_name = "MVTEC_DIR", conflicts_with = "sample")]
    root: Option<PathBuf>,
    /// Folder of Magnetic Tile Defects; alone or beside --root.
    #[arg(long, value_name = "MTD_DIR", conflicts_with = "sample")]
    mtd_root: Option<PathBuf>,
    /// Text file with the names of MTD's training images; without it the seed draws 80 %.
    #[arg(long, value_name = "FILE", requires = "mtd_root")]
    mtd_train_list: Option<PathBuf>,
    /// Use the generated sample data set instead.
    #[arg(long)]
    sample: bool,
    /// Only these categories.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    categories: Vec<String>,
    /// Folder for the figure, and for models and features.
    #[arg(long, value_name = "DIR", default_value = "target/figure8")]
    out: PathBuf,
    /// Settings of the training.
    #[arg(long, value_name = "NAME", default_value = "quick", value_parser = preset_parser(),
        conflicts_with = "sample")]
    preset: Preset,
    /// Also the maps of these methods on local features, which are not the paper's.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_parser = method_parser())]
    method: Vec<Method>,
    /// Folder of trained models CATEGORY.differnet, to be used as they are; those of --method in
    /// METHOD/CATEGORY.differnet.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Seed of every random draw.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

/// Part of the figure about one category.
struct CategoryFigure {
    name: String,
    /// The paper's method, then the others.
    models: Vec<Model>,
    images: Vec<Panels>,
}

/// The whole figure.
struct Figure {
    /// The data sets, each with its terms and citations.
    data: Vec<String>,
    /// Methods besides the paper's.
    others: Vec<Method>,
    categories: Vec<CategoryFigure>,
    /// Categories that the folder lacks.
    missing: Vec<String>,
    /// Of models that are not given, the seed among them.
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
}

pub(crate) fn run(args: &Figure8Args) -> anyhow::Result<ExitCode> {
    let shell = workspace::shell()?;
    let cancel = listen()?;
    let Images { parts, missing, data } = images(args)?;
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;

    let cache = FeatureCache::new(args.out.join("features"));
    let runtime = Runtime::open(DeviceChoice::Flex)?.with_cache(Some(cache));
    let settings = config(args, Method::DifferNet).rows();
    let (others, environment) = (others(&args.method), environment_rows(&shell));
    let trainer = |method: Method, part: &DataPart| {
        let own = |folder: PathBuf| match method {
            Method::DifferNet => folder,
            other => folder.join(other.name()),
        };
        let folders = (args.models.clone().map(own), own(args.out.join("models")));
        let config = match method {
            Method::DifferNet => part.adapted(config(args, method)),
            _ => config(args, method),
        };
        Trainer { config, runtime: &runtime, folders, cancel: &cancel }
    };
    let methods: Vec<Method> =
        [Method::DifferNet].into_iter().chain(others.iter().copied()).collect();
    let categories = Vec::new();
    let mut figure = Figure { data, others, categories, missing, settings, environment };
    for part in parts {
        let (name, data) = (part.category.clone(), part.load(args.seed)?);
        let mut models = Vec::new();
        for &method in &methods {
            let Some(model) = trainer(method, &part).model(&name, &data.train)? else {
                eprintln!("stopped; the same command goes on");
                return Ok(ExitCode::from(INTERRUPTED));
            };
            models.push(model);
        }
        eprintln!("{name}: maps");
        let chosen = first_of_each_kind(&data.test);
        let images = panels::panels(&models, &chosen)?;
        figure.categories.push(CategoryFigure { name, models, images });
    }
    let (png, html) = (args.out.join("figure8.png"), args.out.join("figure8.html"));
    write_whole(&png, &figure::png(&figure)?)?;
    write_whole(&html, page::html(&figure).as_bytes())?;
    println!("{}\n{}", png.display(), html.display());
    Ok(ExitCode::SUCCESS)
}

/// The images of the figure.
struct Images {
    parts: Vec<DataPart>,
    /// Categories that the folder lacks.
    missing: Vec<String>,
    /// The data sets, each with its terms and citations.
    data: Vec<String>,
}

/// The images asked for.
fn images(args: &Figure8Args) -> anyhow::Result<Images> {
    let (mvtec, mtd) = (origin::manifest("mvtec_ad")?, origin::manifest("mtd")?);
    if args.sample {
        let folder = args.out.join("sample");
        write_sample_dataset(&folder, &SampleConfig { seed: args.seed, ..Default::default() })?;
        let (parts, missing) = categories(args, &mvtec, &folder)?;
        let data = vec!["Generated sample images, no photographs".to_owned()];
        return Ok(Images { parts, missing, data });
    }
    let mut images = Images { parts: Vec::new(), missing: Vec::new(), data: Vec::new() };
    if let Some(root) = &args.root {
        let remedy = || origin::how_to_get(&mvtec);
        ensure!(root.is_dir(), "{} is not a folder. {}", root.display(), remedy());
        (images.parts, images.missing) = categories(args, &mvtec, root)?;
        for name in &images.missing {
            eprintln!("missing: {} has no category {name}", root.display());
        }
        ensure!(!images.parts.is_empty(), "none of the categories is in {}", root.display());
        images.data.push(origin::credit(&mvtec));
    }
    if let Some(root) = &args.mtd_root {
        images.parts.push(DataPart::mtd(root, args.mtd_train_list.as_ref()));
        images.data.push(origin::credit(&mtd));
    }
    ensure!(!images.parts.is_empty(), "{}", origin::how_to_get(&mvtec));
    Ok(images)
}

/// The categories of MVTec AD to show and those that `root` lacks.
fn categories(
    args: &Figure8Args,
    known: &Manifest,
    root: &Path,
) -> anyhow::Result<(Vec<DataPart>, Vec<String>)> {
    let present = Layout::Mvtec { category: None }.categories(root)?;
    if present.is_empty() {
        let itself = root.join("train/good").is_dir();
        ensure!(!itself, "{} is one category: name the folder above it", root.display());
        bail!(
            "{} holds no category with train/good. {}",
            root.display(),
            origin::how_to_get(known)
        );
    }
    let mut wanted = match (&args.categories[..], args.sample) {
        ([], true) => present.clone(),
        ([], false) => known.categories.keys().cloned().collect(),
        (names, _) => names.to_vec(),
    };
    wanted.sort();
    wanted.dedup();
    let (found, missing): (Vec<String>, Vec<String>) =
        wanted.into_iter().partition(|name| present.contains(name));
    Ok((found.iter().map(|name| DataPart::mvtec(root, name)).collect(), missing))
}

/// Settings of a model of `method`.
fn config(args: &Figure8Args, method: Method) -> Config {
    if args.sample && method == Method::DifferNet {
        return Config::for_sample(args.seed);
    }
    Config { seed: args.seed, ..Config::preset(method, args.preset) }
}

/// Methods that can be added to the figure, by name.
fn method_parser() -> impl TypedValueParser<Value = Method> {
    let methods = || Method::ALL.into_iter().filter(|method| method.looks_at_places());
    let names = PossibleValuesParser::new(methods().map(Method::name));
    names.map(move |name| methods().find(|method| method.name() == name).expect("a listed name"))
}

/// `methods` in their order, each once.
fn others(methods: &[Method]) -> Vec<Method> {
    let mut others: Vec<Method> = Vec::new();
    for method in methods {
        if !others.contains(method) {
            others.push(*method);
        }
    }
    others
}

/// The first image of each kind of defect: files are sorted, so that nobody chooses.
fn first_of_each_kind(test: &[Sample]) -> Vec<Sample> {
    let mut chosen: Vec<Sample> = Vec::new();
    for sample in test {
        let Some(defect) = &sample.defect else { continue };
        let same = |other: &Sample| other.defect.as_ref().is_some_and(|o| o.kind == defect.kind);
        if !chosen.iter().any(same) {
            chosen.push(sample.clone());
        }
    }
    chosen
}

/// A token that Ctrl-C cancels, from now on.
fn listen() -> anyhow::Result<CancelToken> {
    let cancel = CancelToken::new();
    let token = cancel.clone();
    ctrlc::set_handler(move || {
        if token.is_cancelled() {
            std::process::exit(i32::from(INTERRUPTED));
        }
        token.cancel();
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(cancel)
}

/// This build's environment; `cargo xtask` is built from the working tree as it is.
fn environment_rows(shell: &Shell) -> Vec<(String, String)> {
    let git = |words: [&str; 3]| cmd!(shell, "git {words...}").read().ok();
    let commit = git(["rev-parse", "--short=12", "HEAD"]).map(|commit| {
        let changes = git(["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default();
        if changes.is_empty() { commit } else { format!("{commit} with local changes") }
    });
    environment("flex", commit.as_deref())
}

/// Writes a file under another name and renames it.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes).with_context(cannot_write)?;
    fs::rename(&unfinished, path).with_context(cannot_write)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use differnet_data::Defect;

    use super::*;

    #[test]
    fn methods_on_local_features_can_be_added() {
        #[derive(Debug, Parser)]
        struct Program {
            #[command(flatten)]
            args: Figure8Args,
        }
        let methods = |words: &str| {
            let words = format!("program --sample {words}");
            let parsed = Program::try_parse_from(words.split_whitespace());
            parsed.map(|Program { args }| others(&args.method))
        };
        assert!(methods("").unwrap().is_empty());
        let found = methods("--method padim,local-flow --method padim").unwrap();
        assert_eq!(found, [Method::Padim, Method::LocalFlow]);
        for refused in ["differnet", "1nn", "nothing"] {
            let error = methods(&format!("--method {refused}")).unwrap_err().to_string();
            assert!(error.contains("[possible values: local-flow, patchcore, padim]"), "{error}");
        }
    }

    #[test]
    fn the_first_file_of_each_kind_is_shown_and_no_good_one() {
        let sample = |name: &str, kind: Option<&str>| Sample {
            image: name.into(),
            defect: kind.map(|kind| Defect { kind: kind.to_owned(), mask: None }),
        };
        let test = [
            sample("crack/000.png", Some("crack")),
            sample("crack/001.png", Some("crack")),
            sample("good/000.png", None),
            sample("hole/000.png", Some("hole")),
        ];
        assert_eq!(first_of_each_kind(&test), [test[0].clone(), test[3].clone()]);
    }
}
