//! Files that are complete or absent: written under a partial name, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

/// Writes `path` through `write` so that readers see the old file or the whole new one.
///
/// What a killed writer of the same file left is removed. `refused` makes an error of what the
/// operating system says.
///
/// # Errors
/// The first of `write` or of the operating system; then the old file stays.
pub fn replace_file<E>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
    refused: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let attempt = || {
        let file = File::create(&partial).map_err(&refused)?;
        // The system lets go of it when this process ends, however it ends. Some file systems have no
        // locks, and keep what is abandoned.
        let _ = file.try_lock();
        remove_abandoned(path);
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        let file = out.into_inner().map_err(|error| refused(error.into_error()))?;
        file.sync_all().map_err(&refused)?;
        fs::rename(&partial, path).map_err(&refused)
    };
    attempt().inspect_err(|_| {
        // The first error is the one to report; a leftover is harmless.
        let _ = fs::remove_file(&partial);
    })
}

/// Deletes what writers of `path` left that were killed: partial files on which nobody holds a lock.
fn remove_abandoned(path: &Path) {
    let start = format!("{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let is_partial = |name: &str| {
        let process = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(".partial"));
        process.is_some_and(|process| process.parse::<u32>().is_ok())
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return };
    for entry in entries.flatten() {
        if is_partial(&entry.file_name().to_string_lossy())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            // Litter that cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}
