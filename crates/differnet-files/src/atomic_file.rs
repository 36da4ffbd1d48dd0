//! Atomic writes: a file under a partial name, renamed when it is complete.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// File extension of files that are being written.
const PARTIAL: &str = ".partial";

/// File that takes its name when it is complete: readers see the old content or the whole new one.
///
/// It is written beside its target as `NAME.PROCESS.NUMBER.partial` and renamed by
/// [`commit`](Self::commit); dropped before, it is deleted. A target that is there keeps its permissions, and
/// a link to it leads to the new content. Whoever writes holds a lock on the file,
/// so that the next writer of the same target can tell and remove what a killed one left.
#[derive(Debug)]
pub struct AtomicFile {
    partial: PathBuf,
    target: PathBuf,
    /// `None` once committed.
    out: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Begins a new content of `target`, and removes what killed writers of it left.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(target: impl Into<PathBuf>) -> io::Result<Self> {
        let target = resolved(&target.into());
        let permissions = fs::metadata(&target).map(|metadata| metadata.permissions());
        let (partial, file) = loop {
            let partial = partial_name(&target);
            let file = File::create(&partial)?;
            // The system lets go of it when this process ends, however it ends. Some file systems have
            // no locks, and keep what is abandoned.
            let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            // Between creation and lock another writer may have taken it for abandoned.
            if !taken && partial.exists() {
                break (partial, file);
            }
        };
        if let Ok(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        remove_abandoned(&target);
        Ok(Self { partial, target, out: Some(BufWriter::new(file)) })
    }

    /// Makes what was written the content of the target, on disk before it takes the name.
    ///
    /// # Errors
    /// If writing, syncing or renaming fails; then the old content stays.
    pub fn commit(self) -> io::Result<()> {
        self.rename(File::sync_all)
    }

    /// As [`commit`](Self::commit) without waiting for the disk: for what can be made anew, since a
    /// power cut may leave an empty file.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_unsynced(self) -> io::Result<()> {
        self.rename(|_| Ok(()))
    }

    fn rename(mut self, sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        out.flush()?;
        sync(out.get_ref())?;
        fs::rename(&self.partial, &self.target)?;
        self.out = None;
        Ok(())
    }

    fn out(&mut self) -> &mut BufWriter<File> {
        self.out.as_mut().expect("a file is open until it is committed")
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out().flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            // The first error is the one to report; a leftover is harmless.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Replaces the content of `path` by `bytes`.
///
/// # Errors
/// If the operating system refuses; then the old content stays.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// The file that `target` leads to, if it is a link to one that is there.
pub(crate) fn resolved(target: &Path) -> PathBuf {
    let is_link = target.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    let file = is_link.then(|| target.canonicalize().ok()).flatten();
    file.unwrap_or_else(|| target.to_path_buf())
}

/// A name beside `target` that nobody else in this process has.
fn partial_name(target: &Path) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{number}{PARTIAL}", std::process::id()));
    target.with_file_name(name)
}

/// Deletes what writers of `target` left that were killed: partial files on which nobody holds a lock.
fn remove_abandoned(target: &Path) {
    let start = format!("{}.", target.file_name().unwrap_or_default().to_string_lossy());
    let is_partial = |name: &str| {
        let middle = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(PARTIAL));
        let numbers = middle.and_then(|middle| middle.split_once('.'));
        numbers.is_some_and(|(process, number)| {
            process.parse::<u32>().is_ok() && number.parse::<u32>().is_ok()
        })
    };
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("v3"), folder.path().join("current"));
        write_atomically(&file, b"first").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("v3", &link).unwrap();
        write_atomically(&link, b"second").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let lost = folder.path().join("lost");
        symlink("nothing", &lost).unwrap();
        write_atomically(&lost, b"third").unwrap();
        assert_eq!((fs::read(&lost).unwrap(), count(folder.path())), (b"third".to_vec(), 3));
    }

    #[test]
    fn the_target_changes_at_commit_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        write_atomically(&path, b"first").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"second").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"third").unwrap();
        file.commit_unsynced().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(count(folder.path()), 1, "nothing partial remains");
    }

    #[test]
    fn a_write_that_is_given_up_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        write_atomically(&path, b"first").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half of the sec").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        // The name is taken by a folder.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        write_atomically(&taken, b"content").unwrap_err();
        assert_eq!(count(folder.path()), 2);
    }

    #[test]
    fn writers_of_one_target_at_once_leave_one_of_their_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        std::thread::scope(|scope| {
            for content in 0..4_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        write_atomically(path, &[content; 5000]).unwrap();
                    }
                });
            }
        });
        let found = fs::read(&path).unwrap();
        assert_eq!(found, [found[0]; 5000]);
        assert_eq!(count(folder.path()), 1);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_what_another_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "model.77777.0.partial",
            "model.88888.3.partial",
            "model.x.0.partial",
            "other.7.0.partial",
        ];
        let [dead, writing, notes, other] = names.map(|name| folder.path().join(name));
        for path in [&dead, &writing, &notes, &other] {
            fs::write(path, "half").unwrap();
        }
        let writer = File::open(&writing).unwrap();
        writer.lock().unwrap();
        write_atomically(&folder.path().join("model"), b"whole").unwrap();
        assert!(!dead.exists());
        assert!(writing.exists() && notes.exists() && other.exists());
    }
}
