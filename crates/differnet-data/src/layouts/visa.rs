//! The layout of VisA (Zou et al., "SPot-the-Difference", ECCV 2022), split as for one class.

use std::path::Path;

use crate::copies::Split;
use crate::dataset::{Dataset, dataset_name};
use crate::dataset_error::DatasetError;
use crate::layouts::category::CategoryLayout;
use crate::layouts::listed::{ListedImage, dataset, read_above};

/// The layout.
pub(crate) const VISA: CategoryLayout = CategoryLayout {
    name: "visa",
    marker: MARKER,
    is_category: |folder| folder.join(MARKER).is_dir(),
    read,
};

const MARKER: &str = "Data/Images/Normal";

/// The list, from the folder above the category on.
const LIST: &str = "split_csv/1cls.csv";

/// The list's columns, in any order.
const COLUMNS: [&str; 5] = ["object", "split", "label", "image", "mask"];

/// Masks hold labels of kinds of defects, so whatever is not black is marked.
fn read(folder: &Path) -> Result<Dataset, DatasetError> {
    let (list, text) = read_above(folder, VISA.name, &[LIST.to_owned()])?;
    let category = dataset_name(folder);
    let not_understood =
        |line, expected| Err(DatasetError::SplitLine { list: list.clone(), line, expected });
    let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let header: Vec<&str> = lines.next().map_or(Vec::new(), |(line, _)| fields(line));
    let places = COLUMNS.map(|column| header.iter().position(|&found| found == column));
    let [Some(object), Some(split), Some(label), Some(image), Some(mask)] = places else {
        return not_understood(1, "the columns object, split, label, image, mask");
    };
    let mut images = Vec::new();
    for (line, number) in lines {
        let fields = fields(line);
        let field = |place: usize| fields.get(place).copied().unwrap_or_default();
        if field(object) != category {
            continue;
        }
        let split = match field(split) {
            "train" => Split::Train,
            "test" => Split::Test,
            _ => return not_understood(number, "the split train or test"),
        };
        let kind = match field(label) {
            "normal" => None,
            kind @ "anomaly" => Some(kind.to_owned()),
            _ => return not_understood(number, "the label normal or anomaly"),
        };
        // Paths begin with the category's folder.
        let below = |path| Some(folder.join(Path::new(path).strip_prefix(&category).ok()?));
        let Some(image) = below(field(image)) else {
            return not_understood(number, "the path of an image of the category");
        };
        images.push(ListedImage { split, image, kind, mask: below(field(mask)) });
    }
    dataset(folder, &list, images)
}

fn fields(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::dataset::Dataset;
    use crate::layout::Layout;
    use crate::mask::Mask;
    use crate::test_tree::{found_in, tree};

    const FILES: [&str; 7] = [
        "candle/Data/Images/Normal/0000.JPG",
        "candle/Data/Images/Normal/0001.JPG",
        "candle/Data/Images/Normal/0002.JPG",
        "candle/Data/Images/Anomaly/000.JPG",
        "candle/Data/Masks/Anomaly/000.png",
        "candle/image_anno.csv",
        "split_csv/1cls.csv",
    ];

    const LIST_TEXT: &str = "object,split,label,image,mask\r
candle,train,normal,candle/Data/Images/Normal/0002.JPG,\r
candle,train,normal,candle/Data/Images/Normal/0000.JPG,\r
candle,test,normal,candle/Data/Images/Normal/0001.JPG,\r
candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png\r
pcb1,train,normal,pcb1/Data/Images/Normal/0000.JPG,\r
";

    fn with_list(text: &str) -> tempfile::TempDir {
        let root = tree(&FILES);
        std::fs::write(root.path().join(LIST), text).unwrap();
        root
    }

    fn message(text: &str) -> String {
        let root = with_list(text);
        let error = VISA.load(root.path(), None).unwrap_err().to_string();
        error.replace(&root.path().display().to_string(), "ROOT")
    }

    #[test]
    fn the_list_tells_what_is_trained_on_and_other_categories_are_ignored() {
        let root = with_list(LIST_TEXT);
        assert_eq!(Layout::detect(root.path()).unwrap(), Layout::Visa { category: None });
        let candle: PathBuf = root.path().join("candle");
        let golden = [
            "train: Data/Images/Normal/0000.JPG",
            "train: Data/Images/Normal/0002.JPG",
            "anomaly: Data/Images/Anomaly/000.JPG, Data/Masks/Anomaly/000.png",
            "good: Data/Images/Normal/0001.JPG",
        ];
        for folder in [root.path(), &candle] {
            let dataset = Dataset::load(folder, &Layout::Auto, 0).unwrap();
            assert_eq!(
                (dataset.name.as_str(), found_in(&dataset, &candle)),
                ("candle", golden.map(str::to_owned).to_vec())
            );
            let mask = dataset.test[0].defect.clone().unwrap().mask;
            assert_eq!(mask, Some(Mask::not_black(candle.join("Data/Masks/Anomaly/000.png"))));
        }
    }

    #[test]
    fn a_list_that_is_not_understood_or_not_there_is_named() {
        for (from, to, golden) in [
            (",mask\r", "\r", ", line 1: expected the columns object, split, label, image, mask"),
            ("test,normal", "held,normal", ", line 4: expected the split train or test"),
            ("test,anomaly", "test,dent", ", line 5: expected the label normal or anomaly"),
            (
                "candle/Data/Images/Normal/0001.JPG",
                "",
                ", line 4: expected the path of an image of the category",
            ),
            (
                "Normal/0001",
                "Normal/0003",
                " lists ROOT/candle/Data/Images/Normal/0003.JPG, which does not exist: complete \
                 the copy of the data set",
            ),
            (
                "test,anomaly",
                "train,anomaly",
                " lists the defective ROOT/candle/Data/Images/Anomaly/000.JPG to train on: take \
                 the publisher's split for training on good images alone",
            ),
        ] {
            let text = LIST_TEXT.replace(from, to);
            assert_eq!(message(&text), format!("ROOT/split_csv/1cls.csv{golden}"));
        }
        assert_eq!(
            message("object,split,label,image,mask\n"),
            "ROOT/candle holds no good image to train on: its split lists none"
        );
        let root = tree(&FILES[..6]);
        let error = Dataset::load(root.path(), &Layout::Auto, 0).unwrap_err().to_string();
        let golden = "candle is split by split_csv/1cls.csv (layout visa), which does not lie in a \
                      folder above it: copy it there from the publisher's archive";
        assert!(error.ends_with(golden), "{error}");
    }
}
