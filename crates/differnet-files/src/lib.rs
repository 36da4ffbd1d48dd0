//! Files: atomic writes, memory mapping, safetensors with a checksum.
//!
//! - [`AtomicFile`] replaces a file: readers see the old content or the whole new one.
//! - [`FileLock`] keeps other processes from replacing a file that takes long to make.
//! - [`FileStamp`] tells whether a file has been written to or replaced, without reading it.
//! - [`MappedFile`] maps a file into memory; it is the one place with unsafe code.
//! - [`save_tensors`] writes a safetensors file with a checksum of everything in it; [`TensorFile`]
//!   reads it one tensor at a time, [`MappedTensors`] leaves the tensors where they are.
//!
//! This crate knows nothing of what the numbers mean.

#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod atomic_file;
mod checksum;
mod error;
mod file_lock;
mod file_stamp;
mod header;
mod mapped_file;
mod mapped_tensors;
mod save;
mod tensor;
mod tensor_file;
mod tensor_source;

pub use atomic_file::{AtomicFile, write_atomically};
pub use checksum::CHECKSUM_KEY;
pub use error::FileError;
pub use file_lock::FileLock;
pub use file_stamp::FileStamp;
pub use mapped_file::MappedFile;
pub use mapped_tensors::{Floats, MappedTensors};
pub use safetensors::{Dtype, SafeTensors};
pub use save::{save_tensors, write_tensors};
pub use tensor::{NamedTensor, TensorSpec, TensorValues};
pub use tensor_file::{TensorFile, read_metadata};
pub use tensor_source::TensorSource;
