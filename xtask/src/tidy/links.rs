//! Rules about links between documents.

use std::path::Path;

use super::Finding;

/// Links in the Markdown file `file` that lead nowhere: to a file that does not exist, or a heading that its
/// document does not have.
pub(super) fn check(root: &Path, file: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if let Some(message) = broken(root, file, text, target) {
                findings.push(Finding::new(format!("{}:{}", file.display(), index + 1), message));
            }
        }
    }
    findings
}

/// Returns a message about `target` if it leads nowhere.
fn broken(root: &Path, file: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let linked = if path.is_empty() {
        Some(text.to_owned())
    } else {
        let linked = root.join(file.parent()?).join(path);
        if !linked.exists() {
            return Some(format!("the link to {target} leads nowhere"));
        }
        std::fs::read_to_string(linked).ok()
    };
    let known = |text: &str| text.lines().filter_map(anchor).any(|anchor| anchor == heading);
    let is_known = heading.is_empty() || linked.is_some_and(|text| known(&text));
    (!is_known).then(|| format!("there is no heading for the link to {target}"))
}

/// The name of a heading in links.
fn anchor(line: &str) -> Option<String> {
    let title = line.starts_with('#').then(|| line.trim_start_matches('#'))?.strip_prefix(' ')?;
    let kept = title.trim().to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    Some(kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "# A title, `x`\n[a](Cargo.toml) [b](#a-title-x)\n[c](https://example.org/#d)\n\
                    ```\n[e](nothing.md)\n```\n[f](nothing.md)\n[g](#other)\n";
        let findings = check(root, Path::new("page.md"), text);
        let places: Vec<&str> = findings.iter().map(|finding| &finding.place[..]).collect();
        assert_eq!(places, ["page.md:7", "page.md:8"]);
    }
}
