//! Text to the terminal: results to the standard output, everything else to the standard error.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// Prints a result and a line end.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write the results")
}

/// Prints a result as one line of JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string(value).context("cannot write the results as JSON")?)
}

/// Tells the user something that is no result.
pub(crate) fn tell(text: &str) {
    // Nobody is left to hear of a standard error that is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The path as a shell takes it.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Tells notes, each a sentence.
pub(crate) fn tell_notes(notes: &[String]) {
    notes.iter().for_each(|note| tell(&format!("note: {note}")));
}

/// `1 image`, `2 images`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `1 %`, `0.25 %`, `12.3 %`: three digits, no trailing zeros.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent.abs() {
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{percent:.digits$}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_three_digits() {
        for (share, golden) in [
            (0.01, "1 %"),
            (0.0143, "1.43 %"),
            (0.123_45, "12.3 %"),
            (0.95, "95 %"),
            (0.0001, "0.01 %"),
            (0.0, "0 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), golden);
        }
    }

    #[test]
    fn paths_survive_a_shell() {
        for (path, golden) in
            [("data/a.png", "data/a.png"), ("my parts", "'my parts'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(shell_word(Path::new(path)), golden);
        }
    }
}
