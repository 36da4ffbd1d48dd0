//! Data set and its layout.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use differnet_data::folders::{DoubtfulFolder, require_defects, require_good};
use differnet_data::output_mark::without_outputs;
use differnet_data::{Dataset, DatasetError, Layout, Sample};

use crate::exit::UsageError;
use crate::folder_table::FolderTable;
use crate::output::shell_word;
use crate::outputs::tell_skipped;
use crate::unread::tell_unread;

/// Layout of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutChoice {
    /// The one of these that the folder looks like.
    Auto,
    /// MVTec AD: CATEGORY/train/good, CATEGORY/test/KIND, CATEGORY/ground_truth/KIND.
    Mvtec,
    /// MVTec LOCO AD: as mvtec, with a folder of masks for each image.
    MvtecLoco,
    /// MVTec AD 2: CATEGORY/train/good, CATEGORY/test_public/KIND.
    MvtecAd2,
    /// BTAD: CATEGORY/train/ok, CATEGORY/test/ok, CATEGORY/test/ko, CATEGORY/ground_truth/ko.
    Btad,
    /// VisA: CATEGORY/Data/Images, split by split_csv/1cls.csv.
    Visa,
    /// Real-IAD: CATEGORY/OK and CATEGORY/NG, split by realiad_jsons/CATEGORY.json.
    RealIad,
    /// KolektorSDD: kosNN/NAME.jpg with NAME_label.bmp; parts with an odd number to train on.
    Ksdd,
    /// KolektorSDD2: train/NAME.png and test/NAME.png with NAME_GT.png.
    Ksdd2,
    /// Magnetic tiles: MT_CLASS/Imgs.
    Mtd,
    /// Good images only, in folders nested to any depth.
    Folder,
}

impl LayoutChoice {
    /// The layout, with nothing chosen in it.
    fn layout(self) -> Layout {
        let category = None;
        match self {
            Self::Auto => Layout::Auto,
            Self::Mvtec => Layout::Mvtec { category },
            Self::MvtecLoco => Layout::MvtecLoco { category },
            Self::MvtecAd2 => Layout::MvtecAd2 { category },
            Self::Btad => Layout::Btad { category },
            Self::Visa => Layout::Visa { category },
            Self::RealIad => Layout::RealIad { category },
            Self::Ksdd => Layout::Ksdd,
            Self::Ksdd2 => Layout::Ksdd2,
            Self::Mtd => Layout::Mtd { train_list: None },
            Self::Folder => Layout::Folder { test_good: None, test_defect: None },
        }
    }
}

/// Data set and its layout.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// Folder of the data set, or simply of photographs of good parts.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Layout of the folder.
    #[arg(long, value_enum, default_value_t = LayoutChoice::Auto)]
    layout: LayoutChoice,
    /// Category of the data set, where there are several.
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
    /// Take every image below --data for a good one, whatever its folder is called (layout folder, which is
    /// to be named if the folder looks like one with test images).
    #[arg(long)]
    all_good: bool,
}

impl DataArgs {
    /// The folder of the data set.
    pub(crate) fn root(&self) -> &Path {
        &self.data
    }

    /// The layout, never [`Layout::Auto`].
    pub(crate) fn layout(&self) -> anyhow::Result<Layout> {
        let given = [
            (LayoutChoice::Mtd, "--mtd-train-list", self.mtd_train_list.is_some()),
            (LayoutChoice::Folder, "--test-good", self.test_good.is_some()),
            (LayoutChoice::Folder, "--test-defect", self.test_defect.is_some()),
            (LayoutChoice::Folder, "--all-good", self.all_good),
        ];
        let given: Vec<_> = given.into_iter().filter(|(_, _, given)| *given).collect();
        let choice = match (self.layout, given.first()) {
            (LayoutChoice::Auto, Some((layout, _, _))) => *layout,
            (layout, _) => layout,
        };
        if self.all_good && self.layout == LayoutChoice::Auto {
            self.require_no_tests()?;
        }
        if let Some((layout, flag, _)) = given.iter().find(|(layout, _, _)| *layout != choice) {
            return Err(misplaced(flag, layout.layout().name(), choice.layout().name()).into());
        }
        let mut layout = match choice.layout() {
            Layout::Auto => Layout::detect(&self.data)?,
            layout => layout,
        };
        if let Layout::Mtd { train_list } = &mut layout {
            train_list.clone_from(&self.mtd_train_list);
        }
        if let Layout::Folder { test_good, test_defect } = &mut layout {
            test_good.clone_from(&self.test_good);
            test_defect.clone_from(&self.test_defect);
        }
        if self.category.is_some() {
            let name = layout.name();
            let Some(category) = layout.category_mut() else {
                let needed = "with categories, such as mvtec";
                return Err(misplaced("--category", needed, name).into());
            };
            category.clone_from(&self.category);
        }
        Ok(layout)
    }

    /// Nothing, unless the folder looks like a layout with test images, which --all-good would train on.
    fn require_no_tests(&self) -> anyhow::Result<()> {
        match Layout::detect(&self.data) {
            // Whose names mean defects or tests is what --all-good answers.
            Ok(Layout::Folder { .. }) | Err(DatasetError::DoubtfulFolders { .. }) => Ok(()),
            Ok(layout) => Err(UsageError(format!(
                "--all-good would train on the test images of {}, which has the layout {}: leave it out, or \
                 add --layout folder if every image shows a good part",
                self.data.display(),
                layout.name()
            ))
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The data set; `seed` draws what the layout leaves open. Says how many pictures that this program
    /// drew are left out.
    ///
    /// # Errors
    /// [`DatasetError`]; of the layout folder also if folders have names that mean defects, masks or
    /// tests, unless all images are said to be good.
    pub(crate) fn load(&self, layout: &Layout, seed: u64) -> anyhow::Result<Dataset> {
        let tests = [&self.test_good, &self.test_defect].into_iter().flatten();
        // Folders within the data set are looked at with it.
        let tests = tests.filter(|folder| !folder.starts_with(&self.data));
        tell_unread(tests.chain([&self.data]).map(PathBuf::as_path));
        let mut dataset = Dataset::load(&self.data, layout, seed)?;
        let path = self.data.clone();
        let (train, mut outputs) = without_outputs(dataset.train, |sample| &sample.image);
        let (test, others) = without_outputs(dataset.test, |sample| &sample.image);
        outputs.extend(others);
        if let Some(first) = outputs.first() {
            tell_skipped(outputs.len(), &first.image);
        }
        (dataset.train, dataset.test) = (train, test);
        if dataset.train.is_empty() {
            return Err(DatasetError::NoImages { path }.into());
        }
        if let Layout::Folder { test_good, test_defect } = layout {
            let folders = DoubtfulFolder::among(&path, &files(&dataset.train));
            if !self.all_good && !folders.is_empty() {
                return Err(DatasetError::DoubtfulFolders { path, folders }.into());
            }
            let of = |defective: bool| {
                let samples = dataset.test.iter().filter(|s| s.defect.is_some() == defective);
                samples.map(|sample| sample.image.clone()).collect::<Vec<PathBuf>>()
            };
            if let Some(folder) = test_good {
                require_good(folder, &of(false))?;
            }
            if let Some(folder) = test_defect {
                require_defects(folder, &of(true))?;
            }
        }
        Ok(dataset)
    }

    /// Number of images in each folder, and what `dataset` takes them for.
    pub(crate) fn folders(&self, dataset: &Dataset) -> anyhow::Result<FolderTable> {
        Ok(FolderTable(dataset.folder_counts(&self.data)?))
    }

    /// The arguments as one would type them.
    pub(crate) fn typed(&self) -> String {
        let mut words = format!("--data {}", shell_word(&self.data));
        if self.layout != LayoutChoice::Auto {
            words += &format!(" --layout {}", self.layout.layout().name());
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
        if self.all_good {
            words += " --all-good";
        }
        words
    }
}

fn misplaced(flag: &str, needed: &str, found: &str) -> UsageError {
    UsageError(format!("{flag} is for the layout {needed}, not for the layout {found}"))
}

/// The images' files.
pub(crate) fn files(samples: &[Sample]) -> Vec<PathBuf> {
    samples.iter().map(|sample| sample.image.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_command_line_are_the_names_of_the_layouts() {
        for choice in LayoutChoice::value_variants() {
            let word = choice.to_possible_value().expect("no layout is hidden");
            assert_eq!(word.get_name(), choice.layout().name());
        }
    }
}
