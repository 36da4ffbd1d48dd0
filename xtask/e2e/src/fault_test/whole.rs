//! Completeness of a file, told by its kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The content of every file below `folder`, by its path there.
pub(super) fn contents(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("{}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_path_buf();
                found.insert(name, fs::read(path)?);
            }
        }
    }
    Ok(found)
}

/// Tells whether `bytes` are a complete file of the kind of `name`; `None` for kinds without a sign of that.
pub(super) fn is_whole(name: &Path, bytes: &[u8]) -> Option<bool> {
    let ends = |end: &str| bytes.trim_ascii_end().ends_with(end.as_bytes());
    let is_json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
    Some(match name.extension()?.to_str()? {
        "html" => ends("</html>"),
        "svg" => ends("</svg>"),
        "json" => is_json(bytes),
        "jsonl" => bytes
            .split_inclusive(|&byte| byte == b'\n')
            .all(|line| line.ends_with(b"\n") && is_json(line)),
        "csv" | "txt" | "md" => bytes.ends_with(b"\n"),
        "png" => image::load_from_memory(bytes).is_ok(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_file_is_told_from_a_whole_one() {
        for (name, whole) in [
            ("a.html", "<html></html>\n"),
            ("a.svg", "<svg></svg>"),
            ("a.json", "{\"a\": [1]}"),
            ("a.jsonl", "{\"a\": 1}\n{\"a\": 2}\n"),
            ("a.csv", "a,b\n"),
        ] {
            let bytes = whole.as_bytes();
            assert_eq!(is_whole(Path::new(name), bytes), Some(true), "{name}");
            let half = &bytes[..bytes.len() - 3];
            assert_eq!(is_whole(Path::new(name), half), Some(false), "{name}");
        }
        assert_eq!(is_whole(Path::new("a.differnet"), b"x"), None);
    }
}
