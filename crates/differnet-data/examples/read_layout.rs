//! Recognises a data set's layout and says what its folders are for: `read_layout FOLDER`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;
use std::path::PathBuf;

use differnet_data::{Dataset, Layout};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("give a folder")?);
    let layout = Layout::detect(&root)?;
    let categories = layout.categories(&root)?;
    println!("layout {}, categories: {}", layout.name(), categories.join(", "));
    if categories.len() > 1 {
        return Ok(());
    }
    let data = Dataset::load(&root, &layout, 0)?;
    println!(
        "{}: {} images to train on, {} to test with",
        data.name,
        data.train.len(),
        data.test.len()
    );
    for count in data.folder_counts(&root)? {
        println!("  {}: {} images, {:?}", count.folder.display(), count.images, count.used);
    }
    for mask in data.lone_masks() {
        println!("  {mask}");
    }
    Ok(())
}
