//! Measured tables in a document: blocks between markers that the commands replace.
//!
//! ```text
//! <!-- begin: NAME (COMMAND) -->
//! …
//! <!-- end: NAME -->
//! ```

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::document::Figure;
use super::files;

const BEGIN: &str = "<!-- begin: ";
const END: &str = "<!-- end: ";
const CLOSE: &str = " -->";

/// A block of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    name: String,
    /// Markers included, as bytes of the document.
    range: Range<usize>,
}

/// The document `path`, or its appendix beside it, `NAME-appendix.md`, if only that has the block `name`.
///
/// # Errors
/// If one of them cannot be read or has markers that do not match.
pub(crate) fn page_with(path: PathBuf, name: &str) -> anyhow::Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let appendix = path.with_file_name(format!("{stem}-appendix.md"));
    let has = |page: &Path| -> anyhow::Result<bool> {
        let text = std::fs::read_to_string(page)
            .with_context(|| format!("cannot read {}", page.display()))?;
        Ok(blocks(&text)?.iter().any(|block| block.name == name))
    };
    let in_appendix = !has(&path)? && appendix.exists() && has(&appendix)?;
    Ok(if in_appendix { appendix } else { path })
}

/// Replaces the block `name` of the document `path` by `content` and the `command` that made it.
///
/// # Errors
/// If the document cannot be read or written, has no such block, or has markers that do not match.
pub(crate) fn refresh(path: &Path, name: &str, command: &str, content: &str) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = replaced(&text, name, command, content)
        .with_context(|| format!("cannot refresh {}", path.display()))?;
    files::write(path, text.as_bytes())
}

/// Writes those of the `figures` that the document `path` shows, as `![…](FILE)`, beside it.
///
/// # Errors
/// If the document cannot be read or a figure not written.
pub(super) fn refresh_figures(path: &Path, figures: &[Figure]) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    for figure in figures {
        if text.contains(&format!("]({})", figure.file)) {
            files::write(&path.with_file_name(figure.file), figure.svg.as_bytes())?;
        }
    }
    Ok(())
}

fn replaced(text: &str, name: &str, command: &str, content: &str) -> anyhow::Result<String> {
    let blocks = blocks(text)?;
    let Some(Block { range, .. }) = blocks.iter().find(|block| block.name == name) else {
        bail!(
            "it has no block {name}: add the lines `{BEGIN}{name}{CLOSE}` and `{END}{name}{CLOSE}`"
        );
    };
    let block = format!(
        "{BEGIN}{name} ({command}){CLOSE}\n{}\n{END}{name}{CLOSE}",
        content.trim_matches('\n')
    );
    Ok(format!("{}{block}{}", &text[..range.start], &text[range.end..]))
}

/// The blocks of a document, in order.
fn blocks(text: &str) -> anyhow::Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(String, usize)> = None;
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let (number, marker) = (index + 1, line.trim_end());
        let end = start + marker.len();
        if let Some(name) = named(marker, BEGIN) {
            if let Some((other, _)) = open {
                bail!("line {number}: the block {name} begins before {other} ends");
            }
            if blocks.iter().any(|block| block.name == name) {
                bail!("line {number}: there are two blocks {name}");
            }
            open = Some((name.to_owned(), start));
        } else if let Some(name) = named(marker, END) {
            match open.take() {
                Some((begun, start)) if begun == name => {
                    blocks.push(Block { name: begun, range: start..end });
                }
                _ => bail!("line {number}: the block {name} ends without having begun"),
            }
        } else if marker.contains(BEGIN.trim_end()) || marker.contains(END.trim_end()) {
            bail!(
                "line {number}: a marker stands alone on its line: `{BEGIN}NAME (COMMAND){CLOSE}`"
            );
        }
        start += line.len();
    }
    match open {
        Some((name, _)) => bail!("the block {name} does not end"),
        None => Ok(blocks),
    }
}

/// The name in a marker that begins with `begin`.
fn named<'a>(line: &'a str, begin: &str) -> Option<&'a str> {
    let inner = line.strip_prefix(begin)?.strip_suffix(CLOSE)?;
    let name = inner.split_whitespace().next()?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-').then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Results\n\n<!-- begin: a (cargo) -->\nold\n<!-- end: a -->\n\nbetween\n\
                        <!-- begin: b -->\n<!-- end: b -->\n";

    #[test]
    fn a_block_is_replaced_and_the_rest_stays() -> anyhow::Result<()> {
        let text = replaced(TEXT, "a", "cargo xtask x --root DIR", "\nnew\n\n")?;
        let golden = "# Results\n\n<!-- begin: a (cargo xtask x --root DIR) -->\nnew\n\
                      <!-- end: a -->\n\nbetween\n<!-- begin: b -->\n<!-- end: b -->\n";
        assert_eq!(text, golden);
        assert_eq!(replaced(&text, "a", "cargo xtask x --root DIR", "new")?, golden);
        Ok(())
    }

    #[test]
    fn markers_that_do_not_match_are_named_with_their_line() {
        for (text, word) in [
            ("<!-- begin: a -->\n", "does not end"),
            ("\n<!-- end: a -->\n", "line 2"),
            ("<!-- begin: a -->\n<!-- begin: b -->\n", "before a ends"),
            ("<!-- begin: a -->\n<!-- end: b -->\n", "ends without"),
            ("<!-- begin: a -->\n<!-- end: a -->\n<!-- begin: a -->\n<!-- end: a -->\n", "two"),
            ("text <!-- begin: a -->\n", "alone"),
        ] {
            let message = blocks(text).map_err(|error| error.to_string());
            assert!(message.as_ref().is_err_and(|m| m.contains(word)), "{text}: {message:?}");
        }
        assert!(replaced(TEXT, "c", "", "").is_err());
    }

    #[test]
    fn figures_lie_beside_the_document_that_shows_them() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("page.md");
        std::fs::write(&path, "![Curve](curve.svg)\n")?;
        let figure = |file| Figure { file, title: "A figure".into(), svg: "<svg/>".into() };
        refresh_figures(&path, &[figure("curve.svg"), figure("other.svg")])?;
        assert_eq!(std::fs::read_to_string(folder.path().join("curve.svg"))?, "<svg/>");
        assert!(!folder.path().join("other.svg").exists());
        Ok(())
    }

    #[test]
    fn the_results_or_their_appendix_have_a_block_for_every_command() -> anyhow::Result<()> {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src");
        let (page, appendix) = (docs.join("results.md"), docs.join("results-appendix.md"));
        for name in ["table1", "table2"] {
            assert_eq!(page_with(page.clone(), name)?, page, "{name}");
        }
        for name in ["table3", "figure7", "multimodal", "curve"] {
            assert_eq!(page_with(page.clone(), name)?, appendix, "{name}");
        }
        // A block that is nowhere is missed in the page itself.
        assert_eq!(page_with(page.clone(), "other")?, page);
        Ok(())
    }
}
