//! Histogram of good images' and defects' scores, one a line in two files: `histogram GOOD DEFECTS OUT.svg`.

use std::error::Error;

use differnet_eval::ScoredImage;
use differnet_report::histogram_svg;

/// The scores in the file `path`, of images that show `kind`.
fn scores(path: &str, kind: Option<&str>) -> Result<Vec<ScoredImage>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let images = text.lines().map(|line| {
        let (kind, score) = (kind.map(str::to_owned), line.trim().parse()?);
        Ok(ScoredImage { path: path.to_owned(), kind, score, invalid: None })
    });
    images.collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [good, defects, out] = &files[..] else { return Err("give GOOD DEFECTS OUT.svg".into()) };
    let good = scores(good, None)?;
    let highest = good.iter().map(|image| image.score).reduce(f64::max);
    let images = [good, scores(defects, Some("defect"))?].concat();
    // The dashed line: the highest score of a good image.
    std::fs::write(out, histogram_svg(&images, highest, "")?)?;
    Ok(())
}
