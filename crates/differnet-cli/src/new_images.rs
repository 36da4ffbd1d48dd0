//! Messages about good images that add nothing to a model.

use std::path::{Path, PathBuf};

use differnet::PathText;
use differnet::new_images::CopyOf;
use serde::Serialize;

use crate::output::{counted, tell};

/// Images that are named before the others are counted.
const NAMED: usize = 8;

/// An image that is there already, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct CopyLine {
    #[serde(flatten)]
    path: PathText,
    /// `None` for a copy of one that was added before.
    of: Option<String>,
}

impl From<&CopyOf> for CopyLine {
    fn from(copy: &CopyOf) -> Self {
        let of = copy.of.as_deref().map(|of| PathText::from(of).to_string());
        Self { path: (&*copy.path).into(), of }
    }
}

/// Says which images are left out, and why.
pub(crate) fn tell_left_out(trained: &[PathBuf], copies: &[CopyOf]) {
    let name = |path: &Path| path.display().to_string();
    let trained: Vec<String> = trained.iter().map(|path| name(path)).collect();
    let copies: Vec<String> = copies
        .iter()
        .map(|CopyOf { path, of }| match of {
            Some(of) => format!("{} (as {})", name(path), name(of)),
            None => format!("{} (as one added before)", name(path)),
        })
        .collect();
    for (files, why) in [(trained, "trained on"), (copies, "copies of others")] {
        if !files.is_empty() {
            let images = counted(files.len(), "image");
            let mut list: Vec<&str> = files.iter().take(NAMED).map(String::as_str).collect();
            let more = format!("{} more", files.len().saturating_sub(NAMED));
            list.extend((files.len() > NAMED).then_some(more.as_str()));
            tell(&format!("Left out: {images}, {why}: {}", list.join(", ")));
        }
    }
}
