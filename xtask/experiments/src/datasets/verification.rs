//! Compares a copy of a data set with its manifest, and reads every file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::bail;
use differnet_data::audit::{Audit, AuditImage, Likeness};
use differnet_data::{DecodeLimits, MaskError};

use super::compare::Comparison;
use super::inventory::{Inventory, unknown_categories};
use super::report::{CategoryRows, Fault, Problem, Verification, names_of, relative};
use xtask_inputs::manifest::Manifest;
use xtask_support::UsageError;

/// Compares all categories that `root` holds, or those `named`, which have to be there.
///
/// - `seen`: called with the number of images read so far and of all images, from any thread
///
/// # Errors
/// [`UsageError`] if the data set has no such category; if `root` holds nothing of the data set or
/// cannot be read. What is wrong with the copy is no error.
pub(super) fn verify(
    manifest: &Manifest,
    root: &Path,
    named: &[String],
    seen: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Verification> {
    if let Some(name) = named.iter().find(|name| !manifest.categories.contains_key(*name)) {
        let known: Vec<&str> = manifest.categories.keys().map(String::as_str).collect();
        let (data_set, known) = (&manifest.name, known.join(", "));
        let message = format!("{data_set} has no category {name}; it has: {known}");
        return Err(UsageError(message).into());
    }
    let mut found = Verification {
        dataset: manifest.id.clone(),
        name: manifest.name.clone(),
        root: root.display().to_string(),
        ok: false,
        categories: Vec::new(),
        absent: Vec::new(),
        unknown: if named.is_empty() { unknown_categories(manifest, root)? } else { Vec::new() },
        problems: Vec::new(),
        as_published: Vec::new(),
    };
    let mut present = Vec::new();
    for (name, category) in &manifest.categories {
        if !named.is_empty() && !named.contains(name) {
            continue;
        }
        match Inventory::take(manifest, root, name)? {
            Some(inventory) => present.push((name, category, inventory)),
            None => found.absent.push(name.clone()),
        }
    }
    if present.is_empty() && named.is_empty() {
        let (name, unpack) = (&manifest.name, &manifest.unpack);
        bail!("{} holds nothing of {name}: unpack it {unpack}", root.display());
    }
    for name in found.absent.iter().filter(|name| named.contains(name)) {
        found.problems.push(Problem {
            category: name.clone(),
            fault: Fault::Missing,
            message: format!("{name}: the whole category"),
            files: Vec::new(),
        });
    }
    let total = present.iter().map(|(_, _, inventory)| inventory.images()).sum();
    let done = AtomicUsize::new(0);
    let step = || seen(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    for (name, category, inventory) in &present {
        let comparison = Comparison { manifest, root, name, category, inventory };
        found.categories.push(CategoryRows { name: (*name).clone(), rows: comparison.rows() });
        found.problems.extend(comparison.problems());
        let audit = Audit::of(&to_audit(inventory), &DecodeLimits::default(), &step);
        content_problems(&mut found, manifest, root, name, audit);
    }
    found.problems.sort_by_key(|problem| problem.fault);
    found.ok = found.problems.is_empty();
    Ok(found)
}

fn to_audit(inventory: &Inventory) -> Vec<AuditImage> {
    let groups = inventory.groups.iter();
    groups
        .flat_map(|(place, group)| {
            group.images.iter().map(|files| AuditImage {
                files: files.clone(),
                split: place.split,
                good: place.kind.is_none(),
            })
        })
        .collect()
}

/// Adds what is wrong with the files' content.
fn content_problems(
    found: &mut Verification,
    manifest: &Manifest,
    root: &Path,
    category: &str,
    audit: Audit,
) {
    let mut add = |fault, message, files: Vec<String>| {
        let category = category.to_owned();
        found.problems.push(Problem { category, fault, message, files });
    };
    for bad in audit.damaged {
        add(Fault::Damaged, bad.error.with_causes(), vec![relative(root, &bad.path)]);
    }
    let mut empty = Vec::new();
    for error in audit.masks {
        let file = relative(root, error.path());
        if matches!(error, MaskError::Empty { .. }) && manifest.empty_masks.contains(&file) {
            empty.push(file);
        } else {
            add(Fault::Mask, error.to_string(), vec![file]);
        }
    }
    let relatives = |files: &[PathBuf]| -> Vec<String> {
        files.iter().map(|file| relative(root, file)).collect()
    };
    let duplicates = audit.copies.iter().map(|copies| (Fault::Duplicate, copies));
    for (fault, copies) in duplicates.chain(audit.leaks.iter().map(|leak| (Fault::Leak, leak))) {
        let files = relatives(&copies.files());
        add(fault, format!("{}: {}", same(copies.likeness), files.join(" = ")), files);
    }
    if !empty.is_empty() {
        let message = format!("black masks of defects ({}){}", empty.len(), names_of(&empty));
        found.as_published.push(message);
    }
}

fn same(likeness: Likeness) -> &'static str {
    match likeness {
        Likeness::Bytes => "same file",
        Likeness::Pixels => "same pixels",
        Likeness::Near => "nearly the same pixels",
    }
}
