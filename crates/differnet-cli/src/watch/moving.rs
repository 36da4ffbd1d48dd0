//! Moving defects out of the way.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::atomic;

/// Moves the file `from` to `to`, or beside it if there is one already; returns where it went.
pub(crate) fn move_file(from: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    let cannot_move = || format!("cannot move {} to {}", from.display(), to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(cannot_move)?;
    }
    let to = free(to);
    match fs::rename(from, &to) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let mut source = fs::File::open(from).with_context(cannot_move)?;
            atomic::replace(&to, |out| Ok(io::copy(&mut source, out).map(|_| ())?))?;
            fs::remove_file(from).with_context(cannot_move)?;
        }
        Err(error) => return Err(error).with_context(cannot_move),
    }
    Ok(to)
}

/// `path`, or the first of `NAME-2.png`, `NAME-3.png`, … that does not exist.
fn free(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let numbered = |number: u32| {
        let mut name = format!("{stem}-{number}");
        if let Some(ending) = path.extension() {
            name = format!("{name}.{}", ending.to_string_lossy());
        }
        path.with_file_name(name)
    };
    let mut candidates = std::iter::once(path.to_path_buf()).chain((2..).map(numbered));
    candidates.find(|path| !path.exists()).unwrap_or_else(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_replaced() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("a.png"), folder.path().join("out/b/a.png"));
        let mut places = Vec::new();
        for text in ["1", "2", "3"] {
            fs::write(&from, text)?;
            places.push(move_file(&from, &to)?);
            assert!(!from.exists());
        }
        assert_eq!(places[0], to);
        assert!(places[1].ends_with("a-2.png") && places[2].ends_with("a-3.png"));
        for (place, text) in places.iter().zip(["1", "2", "3"]) {
            assert_eq!(fs::read_to_string(place)?, text);
        }
        Ok(())
    }
}
