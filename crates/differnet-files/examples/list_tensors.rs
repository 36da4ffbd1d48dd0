//! Lists the tensors of a file and checks that it is whole: `list_tensors FILE.safetensors`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;
use std::path::PathBuf;

use differnet_files::{TensorFile, TensorSource};

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args().nth(1).ok_or("give a file")?);
    let mut file = TensorFile::open(&path)?;
    for (key, value) in file.metadata() {
        println!("{key}: {value:.60}");
    }
    for name in file.names() {
        let Some((shape, dtype)) = file.info(&name) else { continue };
        println!("{name}: {dtype:?} {shape:?}, {} bytes", file.bytes(&name)?.len());
    }
    file.verify()?;
    println!("the checksum is right");
    Ok(())
}
