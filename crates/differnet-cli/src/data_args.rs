//! Which images, and how they are arranged in folders.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use differnet_data::{Dataset, Layout, Sample, detect_layout, load_dataset};

use crate::exit::UsageError;
use crate::output::shell_word;

/// How a data set is arranged in folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutChoice {
    /// Whichever of the others the folder looks like.
    Auto,
    /// MVTec AD: CATEGORY/train/good, CATEGORY/test/KIND, CATEGORY/ground_truth/KIND.
    Mvtec,
    /// Magnetic tiles: MT_CLASS/Imgs.
    Mtd,
    /// Good images only, in folders nested to any depth.
    Folder,
}

impl LayoutChoice {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Mvtec => "mvtec",
            Self::Mtd => "mtd",
            Self::Folder => "folder",
        }
    }
}

/// Which images, and how they are arranged in folders.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// Folder of the data set, or simply of photographs of good parts.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How the folder is arranged.
    #[arg(long, value_enum, default_value_t = LayoutChoice::Auto)]
    layout: LayoutChoice,
    /// Category of the layout mvtec, where there are several.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Text file with the names of the training images of the layout mtd, one a line, such as
    /// datasets/mtd_train_list.txt of the repository; without it the seed draws 80 % of the good
    /// ones.
    #[arg(long, value_name = "FILE")]
    mtd_train_list: Option<PathBuf>,
    /// Folder of good test images of the layout folder.
    #[arg(long, value_name = "DIR")]
    test_good: Option<PathBuf>,
    /// Folder of defective test images of the layout folder; subfolders name the kinds.
    #[arg(long, value_name = "DIR")]
    test_defect: Option<PathBuf>,
}

impl DataArgs {
    /// The folder of the data set.
    pub(crate) fn root(&self) -> &Path {
        &self.data
    }

    /// The layout, never [`Layout::Auto`].
    pub(crate) fn layout(&self) -> anyhow::Result<Layout> {
        let given = [
            (LayoutChoice::Mvtec, "--category", self.category.is_some()),
            (LayoutChoice::Mtd, "--mtd-train-list", self.mtd_train_list.is_some()),
            (LayoutChoice::Folder, "--test-good", self.test_good.is_some()),
            (LayoutChoice::Folder, "--test-defect", self.test_defect.is_some()),
        ];
        let given: Vec<_> = given.into_iter().filter(|(_, _, given)| *given).collect();
        let choice = match (self.layout, given.first()) {
            (LayoutChoice::Auto, Some((layout, _, _))) => *layout,
            (layout, _) => layout,
        };
        if let Some((layout, flag, _)) = given.iter().find(|(layout, _, _)| *layout != choice) {
            let (needed, found) = (layout.name(), choice.name());
            let message = format!("{flag} is for the layout {needed}, not for the layout {found}");
            return Err(UsageError(message).into());
        }
        Ok(match choice {
            LayoutChoice::Auto => detect_layout(&self.data)?,
            LayoutChoice::Mvtec => Layout::Mvtec { category: self.category.clone() },
            LayoutChoice::Mtd => Layout::Mtd { train_list: self.mtd_train_list.clone() },
            LayoutChoice::Folder => Layout::Folder {
                test_good: self.test_good.clone(),
                test_defect: self.test_defect.clone(),
            },
        })
    }

    /// The data set; `seed` draws what the layout leaves open.
    pub(crate) fn load(&self, layout: &Layout, seed: u64) -> anyhow::Result<Dataset> {
        Ok(load_dataset(&self.data, layout, seed)?)
    }

    /// The arguments as one would type them.
    pub(crate) fn typed(&self) -> String {
        let mut words = format!("--data {}", shell_word(&self.data));
        if self.layout != LayoutChoice::Auto {
            words += &format!(" --layout {}", self.layout.name());
        }
        let category = self.category.as_ref().map(PathBuf::from);
        for (flag, value) in [
            ("--category", &category),
            ("--mtd-train-list", &self.mtd_train_list),
            ("--test-good", &self.test_good),
            ("--test-defect", &self.test_defect),
        ] {
            if let Some(value) = value {
                words += &format!(" {flag} {}", shell_word(value));
            }
        }
        words
    }
}

/// The layout's name.
pub(crate) fn layout_name(layout: &Layout) -> &'static str {
    match layout {
        Layout::Auto => "auto",
        Layout::Mvtec { .. } => "mvtec",
        Layout::Mtd { .. } => "mtd",
        Layout::Folder { .. } => "folder",
    }
}

/// The images' files.
pub(crate) fn files(samples: &[Sample]) -> Vec<PathBuf> {
    samples.iter().map(|sample| sample.image.clone()).collect()
}
