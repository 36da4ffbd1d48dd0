//! Folders of single layouts, taken as they are: of incomplete copies, too.

pub(crate) mod category;
pub(crate) mod folder;
pub(crate) mod ksdd;
pub(crate) mod listed;
pub(crate) mod masked;
pub(crate) mod mtd;
pub(crate) mod mvtec;
pub(crate) mod mvtec_family;
pub(crate) mod real_iad;
pub(crate) mod split_folders;
pub(crate) mod train_list;
pub(crate) mod visa;

pub use masked::{MaskedImage, MaskedImages};
pub use mtd::TileClass;
pub use train_list::ListedName;

/// Kind of a defect that nothing names.
const UNNAMED_KIND: &str = "defect";
