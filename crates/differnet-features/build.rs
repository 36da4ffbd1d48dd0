//! Arranges the embedded weights by the bytes of their numbers: first bytes, second bytes and so on, each together.
//!
//! Archives such as a Python wheel then store them in a tenth less, because the bytes of sign and exponent are
//! much alike and are no longer a word apart.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=weights");
    let folder = env::var("OUT_DIR").expect("Cargo names the folder");
    for name in ["alexnet_imagenet1k_v1_features", "efficientnet_lite0_features"] {
        let file = format!("weights/{name}.safetensors");
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
        assert!(bytes.len().is_multiple_of(4), "{file} has whole words");
        let planes: Vec<u8> =
            (0..4).flat_map(|byte| bytes.iter().skip(byte).step_by(4).copied()).collect();
        let path = Path::new(&folder).join(format!("{name}.planes"));
        fs::write(&path, planes).unwrap_or_else(|error| panic!("cannot write {path:?}: {error}"));
    }
}
