//! Rules about the lines of a text file.

use std::path::Path;

use super::Finding;

/// Lines of a source file, at most; a longer one has a second concept.
const MAX_LINES: usize = 400;
/// Endings of source files.
const SOURCES: [&str; 4] = ["rs", "py", "js", "css"];
/// Macros that mark unfinished or debugging code.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];
/// Top-level folders that only exist on one machine.
const MACHINE_FOLDERS: [&str; 5] = ["home", "root", "Users", "work", "tmp"];

/// Rules for every text file.
pub(super) fn check_text(file: &Path, text: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate();
    let findings = lines.filter_map(|(index, line)| {
        let path = machine_path(line)?;
        let message = format!("{path} is a path of one machine");
        Some(Finding::new(place(file, index), message))
    });
    findings.collect()
}

/// Checks the length of a source file.
pub(super) fn check_length(file: &Path, text: &str) -> Option<Finding> {
    let count = text.lines().count();
    let is_source =
        file.extension().is_some_and(|ending| SOURCES.iter().any(|known| ending == *known));
    (is_source && count > MAX_LINES).then(|| {
        let message = format!("{count} lines, at most {MAX_LINES}: what is the second concept?");
        Finding::new(file.display(), message)
    })
}

/// Rules for Rust sources.
pub(super) fn check_rust(file: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        let message = "begin with `//!`: what it is, which section of the paper";
        findings.push(Finding::new(file.display(), message));
    }
    for (index, line) in text.lines().enumerate() {
        for name in UNFINISHED {
            if has_macro(line, name) {
                findings.push(Finding::new(place(file, index), format!("`{name}` macro")));
            }
        }
        if line.trim_start().starts_with(concat!("#[", "ignore")) {
            findings.push(Finding::new(place(file, index), "an ignored test"));
        }
    }
    findings
}

fn place(file: &Path, index: usize) -> String {
    format!("{}:{}", file.display(), index + 1)
}

/// Tells whether the macro `name` is called on this line.
fn has_macro(line: &str, name: &str) -> bool {
    let call = format!("{name}!");
    line.match_indices(&call).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
    })
}

/// The first absolute path on this line that begins with a folder of one machine.
fn machine_path(line: &str) -> Option<&str> {
    MACHINE_FOLDERS.iter().find_map(|folder| {
        let root = format!("/{folder}/");
        let (start, _) = line.match_indices(&root).find(|(start, _)| {
            // After a word, a dot or another slash it is the middle of a relative path or of a URL.
            let before = line[..*start].chars().next_back();
            before.is_none_or(|letter| !letter.is_alphanumeric() && !"._-~}/*".contains(letter))
        })?;
        let rest = &line[start..];
        let end = rest.find(|letter: char| letter.is_whitespace() || "\"'`)".contains(letter));
        Some(&rest[..end.unwrap_or(rest.len())])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> Vec<String> {
        let findings = check_rust(Path::new("a.rs"), text);
        findings
            .into_iter()
            .map(|finding| format!("{}: {}", finding.place, finding.message))
            .collect()
    }

    #[test]
    fn a_documented_file_is_in_order() {
        assert!(rust("//! A file.\nfn main() {}\n").is_empty());
    }

    #[test]
    fn unfinished_code_is_found_with_its_line() {
        for name in UNFINISHED {
            let findings = rust(&format!("//! A file.\nfn f() {{ {name}!() }}\n"));
            assert_eq!(findings, [format!("a.rs:2: `{name}` macro")]);
        }
        assert!(rust("//! A file.\nfn f() { my_dbg!() }\n").is_empty());
        let ignored = format!("//! A file.\n    {}]\n", concat!("#[", "ignore"));
        assert_eq!(rust(&ignored), ["a.rs:2: an ignored test"]);
    }

    #[test]
    fn long_and_undocumented_files_are_found() {
        assert_eq!(rust("fn main() {}\n").len(), 1);
        let length = |name: &str, count| check_length(Path::new(name), &"\n".repeat(count));
        assert_eq!(length("a.rs", 400), None);
        for name in ["a.rs", "b.py", "c.js", "d.css"] {
            let finding = length(name, 401).unwrap();
            assert!(finding.message.contains("401 lines, at most 400"), "{}", finding.message);
        }
        assert_eq!(length("e.md", 401), None);
    }

    #[test]
    fn machine_paths_are_told_from_relative_paths_and_urls() {
        for folder in MACHINE_FOLDERS {
            let line = format!("read \"/{folder}/data\" first");
            assert_eq!(machine_path(&line), Some(format!("/{folder}/data").as_str()));
        }
        for line in ["https://example.org/home/x", "src/work/x.rs", "../root/x", "~/tmp/x"] {
            assert_eq!(machine_path(line), None, "{line}");
        }
    }
}
