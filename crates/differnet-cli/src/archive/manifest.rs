//! Manifest of an archive: a file with the path of an image on each line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use differnet_data::ContentHash;

use crate::exit::DoNotRetry;
use differnet_files::FileStamp;

/// Longest line: more than any system lets a path be.
const LONGEST: u64 = 1 << 16;
/// Paths in memory at once: a multiple of what the model works on together.
const CHUNK: usize = 256;
/// Begins UTF-8 files of some editors.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// List of image files, read line by line, however long it is.
#[derive(Debug)]
pub(crate) struct Manifest {
    path: PathBuf,
    stamp: FileStamp,
    /// SHA-256 of the file.
    pub(crate) hash: ContentHash,
    /// Paths in it.
    pub(crate) images: u64,
}

impl Manifest {
    /// Looks through the file `path`.
    ///
    /// # Errors
    /// If it cannot be read; [`DoNotRetry`] if it is no list of files, or has none, or is a pipe.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot_read = || format!("cannot read {}", path.display());
        if !std::fs::metadata(path).with_context(cannot_read)?.is_file() {
            let path = path.display();
            bail!(DoNotRetry(format!(
                "{path} is no file: a list is read more than once, so store it in one"
            )));
        }
        let stamp = FileStamp::of(path).with_context(cannot_read)?;
        let hash = ContentHash::of_file(path).with_context(cannot_read)?;
        let mut images = 0;
        for line in Lines::open(path)? {
            line?;
            images += 1;
        }
        let manifest = Self { path: path.to_path_buf(), stamp, hash, images };
        manifest.require_unchanged()?;
        if images == 0 {
            let path = path.display();
            bail!(DoNotRetry(format!("{path} names no images: write one path a line")));
        }
        Ok(manifest)
    }

    /// The paths numbered `range`, from 0, a few at a time.
    pub(crate) fn chunks(
        &self,
        range: Range<u64>,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Vec<PathBuf>>> + use<>> {
        let (first, images) = (range.start as usize, (range.end - range.start) as usize);
        let mut lines = Lines::open(&self.path)?.skip(first).take(images);
        Ok(std::iter::from_fn(move || {
            let chunk: anyhow::Result<Vec<PathBuf>> = lines.by_ref().take(CHUNK).collect();
            Some(chunk).filter(|chunk| {
                chunk.as_ref().is_ok_and(|chunk| !chunk.is_empty()) || chunk.is_err()
            })
        }))
    }

    /// Nothing, if the file is what it was at first.
    pub(crate) fn require_unchanged(&self) -> anyhow::Result<()> {
        let path = self.path.display();
        let stamp = FileStamp::of(&self.path).with_context(|| format!("cannot read {path}"))?;
        if stamp != self.stamp {
            bail!("{path} was changed meanwhile: run this again");
        }
        Ok(())
    }
}

/// The paths in a file, one a line.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    number: u64,
    failed: bool,
}

impl Lines {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (path, file) = (path.to_path_buf(), BufReader::new(file));
        Ok(Self { path, file, number: 0, failed: false })
    }

    /// The next line that is not empty.
    fn read(&mut self) -> anyhow::Result<Option<PathBuf>> {
        loop {
            let mut line = Vec::new();
            let mut limited = self.file.by_ref().take(LONGEST);
            let length = limited
                .read_until(b'\n', &mut line)
                .with_context(|| format!("cannot read {}", self.path.display()))?;
            if length == 0 {
                return Ok(None);
            }
            self.number += 1;
            if line.contains(&0) || (length as u64 == LONGEST && !line.ends_with(b"\n")) {
                let (number, path) = (self.number, self.path.display());
                bail!(DoNotRetry(format!(
                    "line {number} of {path} is no path: write one path a line"
                )));
            }
            let start = if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
            let text = line[start..].strip_suffix(b"\n").unwrap_or(&line[start..]);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if !text.is_empty() {
                return self.path_of(text).map(Some);
            }
        }
    }

    #[cfg(unix)]
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere not all bytes are a path")]
    fn path_of(&self, text: &[u8]) -> anyhow::Result<PathBuf> {
        use std::os::unix::ffi::OsStrExt;
        Ok(std::ffi::OsStr::from_bytes(text).into())
    }

    #[cfg(not(unix))]
    fn path_of(&self, text: &[u8]) -> anyhow::Result<PathBuf> {
        let (number, path) = (self.number, self.path.display());
        match std::str::from_utf8(text) {
            Ok(text) => Ok(text.into()),
            Err(_) => bail!(DoNotRetry(format!("line {number} of {path} is not UTF-8"))),
        }
    }
}

impl Iterator for Lines {
    type Item = anyhow::Result<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let line = self.read();
        self.failed = line.is_err();
        line.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &[u8]) -> anyhow::Result<(tempfile::NamedTempFile, Manifest)> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        let manifest = Manifest::open(file.path())?;
        Ok((file, manifest))
    }

    fn paths(manifest: &Manifest, range: Range<u64>) -> anyhow::Result<Vec<PathBuf>> {
        Ok(manifest.chunks(range)?.collect::<anyhow::Result<Vec<_>>>()?.concat())
    }

    #[test]
    fn line_ends_and_empty_lines_do_not_matter() -> anyhow::Result<()> {
        for text in ["a\nb c\n#d\n", "\u{feff}a\r\n\r\nb c\r\n#d", "\n\na\nb c\n\n#d\n\n"] {
            let (_file, manifest) = manifest(text.as_bytes())?;
            assert_eq!(manifest.images, 3);
            assert_eq!(paths(&manifest, 0..3)?, ["a", "b c", "#d"].map(PathBuf::from));
            assert_eq!(paths(&manifest, 1..2)?, [PathBuf::from("b c")]);
        }
        Ok(())
    }

    #[test]
    fn ranges_make_up_the_whole_and_chunks_are_bounded() -> anyhow::Result<()> {
        let text: String = (0..1000).map(|number| format!("{number}.png\n")).collect();
        let (_file, manifest) = manifest(text.as_bytes())?;
        let whole = paths(&manifest, 0..1000)?;
        let parts = [0..0, 0..333, 333..334, 334..1000].map(|range| paths(&manifest, range));
        assert_eq!(parts.into_iter().collect::<anyhow::Result<Vec<_>>>()?.concat(), whole);
        let longest = manifest.chunks(0..1000)?.map(|chunk| chunk.map_or(0, |chunk| chunk.len()));
        assert_eq!(longest.max(), Some(CHUNK));
        Ok(())
    }

    #[test]
    fn what_is_no_list_is_not_tried_again() {
        for text in [&b"\n\n"[..], b"", b"\xff\xfea\0\n\0", &[b'x'; LONGEST as usize + 1]] {
            let error = manifest(text).expect_err("no list");
            assert!(error.is::<DoNotRetry>(), "{error}");
        }
        let error = Manifest::open(Path::new("/nowhere/files.txt")).expect_err("no file");
        assert!(!error.is::<DoNotRetry>() && error.to_string().contains("files.txt"));
    }

    #[test]
    fn a_list_that_changes_is_noticed() -> anyhow::Result<()> {
        let (file, manifest) = manifest(b"a\n")?;
        manifest.require_unchanged()?;
        std::fs::write(file.path(), "a\nb\n")?;
        assert!(manifest.require_unchanged().is_err());
        Ok(())
    }
}
