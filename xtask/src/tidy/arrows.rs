//! Dependencies between packages: the arrows that ARCHITECTURE.md draws and justifies, all of them
//! downwards.

use super::Finding;
use super::manifests::{Dependency, Package};

/// The file with the picture.
pub(super) const DOCUMENT: &str = "ARCHITECTURE.md";
/// Beginning of the picture: a block of code whose lines are `PACKAGE ──▶ PACKAGE, PACKAGE`, the last ones of
/// which depend on nothing; a line that begins with a blank goes on with the one before.
const BEGIN: &str = "```arrows\n";
const END: &str = "```";
const ARROW: &str = "──▶";

/// A package and what it depends on, as drawn.
#[derive(Debug, PartialEq, Eq)]
struct Drawn<'a> {
    name: &'a str,
    below: Vec<&'a str>,
}

/// Compares the picture in `document` with the manifests of `packages`.
///
/// Ordinary dependencies have to be drawn; those of tests only have to lead downwards.
pub(super) fn check(document: &str, packages: &[Package]) -> Vec<Finding> {
    let Some(picture) = picture(document) else {
        return vec![Finding::new(DOCUMENT, "there is no picture of the packages")];
    };
    let mut findings = upwards(&picture);
    let mut find = |message: String| findings.push(Finding::new(DOCUMENT, message));
    for Drawn { name, .. } in &picture {
        if !packages.iter().any(|package| package.name == *name) {
            find(format!("`{name}` is drawn, and there is no such package"));
        }
    }
    let height = |name: &str| picture.iter().position(|drawn| drawn.name == name);
    for Package { name, dependencies, .. } in packages {
        let Some(at) = height(name) else {
            find(format!("`{name}` is missing in the picture of the packages"));
            continue;
        };
        let below = &picture[at].below;
        let own = dependencies.iter().filter(|dependency| dependency.path.is_some());
        let (of_tests, ordinary): (Vec<&Dependency>, Vec<&Dependency>) =
            own.partition(|dependency| dependency.kind.as_deref() == Some("dev"));
        for Dependency { name: to, .. } in &ordinary {
            if !below.contains(&to.as_str()) {
                find(format!("`{name}` depends on `{to}`: draw the arrow and say why"));
            }
        }
        for to in below {
            if !ordinary.iter().any(|dependency| dependency.name == *to) {
                find(format!("`{name}` does not depend on `{to}`, which is drawn"));
            }
        }
        for Dependency { name: to, .. } in of_tests {
            if height(to).is_some_and(|below| below <= at) {
                find(format!("tests of `{name}` depend on `{to}`, which stands above"));
            }
        }
    }
    findings
}

/// Arrows that do not lead to a package further below.
fn upwards(picture: &[Drawn<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, Drawn { name, below }) in picture.iter().enumerate() {
        for to in below {
            if !picture[at + 1..].iter().any(|drawn| drawn.name == *to) {
                let message = format!("`{name}` {ARROW} `{to}` does not lead downwards");
                findings.push(Finding::new(DOCUMENT, message));
            }
        }
    }
    findings
}

fn picture(document: &str) -> Option<Vec<Drawn<'_>>> {
    let (_, rest) = document.split_once(BEGIN)?;
    let (lines, _) = rest.split_once(END)?;
    let mut picture: Vec<Drawn<'_>> = Vec::new();
    for line in lines.lines() {
        let (name, list) = match line.split_once(ARROW) {
            Some((name, list)) => (name.trim(), list),
            None if line.starts_with(' ') => ("", line),
            None => (line.trim(), ""),
        };
        let below = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        match picture.last_mut() {
            Some(last) if name.is_empty() => last.below.extend(below),
            _ => picture.push(Drawn { name, below: below.collect() }),
        }
    }
    Some(picture)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PICTURE: &str = "# A\n\n```arrows\ntop  ──▶ left, right,\n     bottom\nleft ──▶ bottom\n\
                           right\nbottom\n```\nb ──▶ a\n";

    /// A package that depends on others, `dev:` before those of tests.
    fn package(name: &str, below: &[&str]) -> Package {
        let dependency = |to: &&str| match to.strip_prefix("dev:") {
            Some(to) => json!({ "name": to, "kind": "dev", "path": "somewhere" }),
            None => json!({ "name": to, "kind": null, "path": "somewhere" }),
        };
        let mut dependencies: Vec<_> = below.iter().map(dependency).collect();
        dependencies.push(json!({ "name": "from-the-registry", "kind": null }));
        let package = json!({ "name": name, "manifest_path": "x", "dependencies": dependencies });
        serde_json::from_value(package).unwrap()
    }

    fn findings(document: &str, right: &[&str]) -> Vec<String> {
        let packages = [
            package("top", &["left", "right", "bottom"]),
            package("left", &["bottom"]),
            package("right", right),
            package("bottom", &[]),
        ];
        check(document, &packages).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_picture_that_is_true_is_in_order() {
        assert_eq!(findings(PICTURE, &[]), [""; 0]);
        assert_eq!(findings(PICTURE, &["dev:bottom"]), [""; 0]);
    }

    #[test]
    fn every_difference_is_found() {
        let only = |found: Vec<String>, words: &str| {
            assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}");
        };
        only(findings("# A\n", &[]), "no picture");
        only(findings(PICTURE, &["bottom"]), "`right` depends on `bottom`");
        only(findings(PICTURE, &["dev:left"]), "tests of `right` depend on `left`");
        let drawn = PICTURE.replace("\nright\n", "\nright ──▶ bottom\n");
        only(findings(&drawn, &[]), "`right` does not depend on `bottom`");
        let drawn = PICTURE.replace("\nright\n", "\nright ──▶ left\n");
        only(findings(&drawn, &["left"]), "`right` ──▶ `left` does not lead downwards");
        let drawn = PICTURE.replace("bottom\n```", "bottom\nmore\n```");
        only(findings(&drawn, &[]), "`more` is drawn");
        let drawn = PICTURE.replace("right,\n     bottom", "right").replace("\nbottom\n", "\n");
        assert!(
            findings(&drawn, &[]).iter().any(|message| message.contains("`bottom` is missing"))
        );
    }
}
