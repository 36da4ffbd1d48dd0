//! Images per folder, as a table for people and as JSON.

use differnet::PathText;
use differnet_data::folders::{FolderCount, FolderUse};
use serde::{Serialize, Serializer};

use crate::output::{counted, tell};

/// Folders that are listed before the others are counted.
const LISTED: usize = 24;

/// The folders with their images, an object each.
#[derive(Debug, Clone)]
pub(crate) struct FolderTable(pub(crate) Vec<FolderCount>);

impl FolderTable {
    /// Tells the user.
    pub(crate) fn tell(&self) {
        tell(&self.lines().join("\n"));
    }

    /// The table, a line each, in the order of the folders.
    fn lines(&self) -> Vec<String> {
        let more = self.0.len().saturating_sub(LISTED);
        let (listed, others) = self.0.split_at(self.0.len() - more);
        let mut lines = vec!["Images per folder:".to_owned()];
        for count in listed {
            let folder = match count.folder.as_os_str() {
                name if name.is_empty() => ".".to_owned(),
                _ => count.folder.display().to_string(),
            };
            let used = words(&count.used);
            lines.push(format!("{:8}  {used}  {folder}", count.images));
        }
        if more > 0 {
            let images: usize = others.iter().map(|count| count.images).sum();
            let images = counted(images, "image");
            lines.push(format!("          and {} with {images}", counted(more, "more folder")));
        }
        lines
    }
}

fn words(used: &FolderUse) -> String {
    match used {
        FolderUse::Train => "to train on          ".to_owned(),
        FolderUse::TestGood => "to test with, good   ".to_owned(),
        FolderUse::TestDefect { kind } => format!("to test with, defect {kind}"),
        FolderUse::Masks => "masks                ".to_owned(),
        FolderUse::Unused => "not used             ".to_owned(),
    }
}

impl Serialize for FolderTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            #[serde(serialize_with = "PathText::serialize_lossy")]
            folder: &'a std::path::Path,
            #[serde(skip_serializing_if = "Option::is_none")]
            folder_bytes: Option<String>,
            images: usize,
            r#use: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            kind: Option<&'a str>,
        }
        serializer.collect_seq(self.0.iter().map(|count| {
            let (used, kind) = match &count.used {
                FolderUse::Train => ("train", None),
                FolderUse::TestGood => ("test_good", None),
                FolderUse::TestDefect { kind } => ("test_defect", Some(kind.as_str())),
                FolderUse::Masks => ("masks", None),
                FolderUse::Unused => ("unused", None),
            };
            let (folder, folder_bytes) = (&*count.folder, PathText::bytes_of(&count.folder));
            Row { folder, folder_bytes, images: count.images, r#use: used, kind }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tables_are_cut_and_counted() {
        let count = |number: usize| FolderCount {
            folder: format!("day {number:02}").into(),
            used: FolderUse::Train,
            images: 3,
        };
        let table = FolderTable((0..26).map(count).collect());
        let lines = table.lines();
        assert_eq!(lines.len(), 26);
        assert_eq!(lines[1], "       3  to train on            day 00");
        assert_eq!(lines[25], "          and 2 more folders with 6 images");
        let json = serde_json::to_value(&table).expect("plain data");
        let golden = serde_json::json!({"folder": "day 25", "images": 3, "use": "train"});
        assert_eq!(json[25], golden);
    }
}
