//! The models being served, by name, and their replacement while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use differnet::Error;

use crate::changes::Changes;
use crate::error::ServerError;
use crate::model::Model;
use differnet_files::FileStamp;

/// Loads the model in a file. It may do more than read it: what it refuses is not served.
pub type LoadModel = dyn Fn(&Path) -> Result<differnet::Model, Error> + Send + Sync;

/// Longest name of a model, characters.
const LONGEST_NAME: usize = 64;

/// A model to serve: its name in addresses and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Name in addresses.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

impl ModelFile {
    /// The model that `FILE` or `NAME=FILE` stands for; without a name it is the file's stem.
    ///
    /// # Errors
    /// [`ServerError::ModelName`] if the name cannot stand in an address.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let (name, path) = match text.split_once('=') {
            // A path may contain the sign, a name has no separators.
            Some((name, path)) if !name.contains(['/', '\\']) => {
                (name.to_owned(), PathBuf::from(path))
            }
            _ => {
                let path = PathBuf::from(text);
                let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                (stem.unwrap_or_default(), path)
            }
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let usable = (1..=LONGEST_NAME).contains(&name.len())
            && name.chars().all(allowed)
            && !name.starts_with('.');
        if usable { Ok(Self { name, path }) } else { Err(ServerError::ModelName { name }) }
    }
}

/// Outcome of re-reading a model whose file changed.
#[derive(Debug)]
pub struct Reload {
    /// The model's name.
    pub name: String,
    /// The SHA-256 of the file now served, or why the old one still is.
    pub result: Result<String, ServerError>,
}

/// The models being served.
pub(crate) struct Registry {
    slots: Vec<Slot>,
    load: Box<LoadModel>,
}

/// A name and what is served under it.
struct Slot {
    file: ModelFile,
    current: RwLock<Arc<Model>>,
    changes: Mutex<Changes<Option<FileStamp>>>,
}

impl Registry {
    /// Loads every model; all of them, or none is served.
    pub(crate) fn load(files: Vec<ModelFile>, load: Box<LoadModel>) -> Result<Self, ServerError> {
        if files.is_empty() {
            return Err(ServerError::NoModels);
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(files.len());
        for file in files {
            if slots.iter().any(|slot| slot.file.name == file.name) {
                return Err(ServerError::SameName { name: file.name });
            }
            let (model, stamp) = load_whole(&file, &*load)?;
            let changes = Mutex::new(Changes::since(Some(stamp)));
            slots.push(Slot { file, current: RwLock::new(Arc::new(model)), changes });
        }
        Ok(Self { slots, load })
    }

    /// The model now served under `name`. Who holds it is not disturbed by a replacement.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Model>> {
        self.slots.iter().find(|slot| slot.file.name == name).map(Slot::current)
    }

    /// All models, in the order they were given.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Model>> {
        self.slots.iter().map(Slot::current)
    }

    /// Polls every file once; one that changed, and has been left alone since the last poll, is
    /// loaded aside and then served instead.
    pub(crate) fn poll(&self) -> Vec<Reload> {
        self.slots.iter().filter_map(|slot| slot.poll(&*self.load)).collect()
    }
}

impl Slot {
    fn current(&self) -> Arc<Model> {
        // A replacement is one assignment: there is no half-done state to be afraid of.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn poll(&self, load: &LoadModel) -> Option<Reload> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if !changes.poll(FileStamp::of(&self.file.path).ok()) {
            return None;
        }
        let result = load_whole(&self.file, load).map(|(model, stamp)| {
            changes.loaded(Some(stamp));
            let hash = model.sha256.clone();
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            *current = Arc::new(model);
            hash
        });
        Some(Reload { name: self.file.name.clone(), result })
    }
}

/// The model in `file`, which did not change meanwhile.
fn load_whole(file: &ModelFile, load: &LoadModel) -> Result<(Model, FileStamp), ServerError> {
    let io = |source| ServerError::Io { path: file.path.clone(), source };
    let before = FileStamp::of(&file.path).map_err(io)?;
    let sha256 = crate::model::sha256_of(&file.path).map_err(io)?;
    let model = load(&file.path).map_err(|source| ServerError::Model {
        name: file.name.clone(),
        source: Box::new(source),
    })?;
    if FileStamp::of(&file.path).map_err(io)? != before {
        let changed = std::io::Error::other("it changed while it was read");
        return Err(io(changed));
    }
    let model = Model::new(file.name.clone(), model, sha256, SystemTime::now());
    Ok((model, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_argument_or_the_file() {
        let parse = |text| ModelFile::parse(text).map(|file| (file.name, file.path));
        let file = |name: &str, path: &str| (name.to_owned(), PathBuf::from(path));
        assert_eq!(parse("a/nut.differnet").ok(), Some(file("nut", "a/nut.differnet")));
        assert_eq!(parse("bolt=a/nut.differnet").ok(), Some(file("bolt", "a/nut.differnet")));
        assert_eq!(parse("./x=y/nut.differnet").ok(), Some(file("nut", "./x=y/nut.differnet")));
        for text in ["", "=a", "..", "a b=c", "..=c", "a?=c", "ä=c", "a/.hidden", &"n".repeat(65)]
        {
            assert!(matches!(parse(text), Err(ServerError::ModelName { .. })), "{text}");
        }
    }
}
