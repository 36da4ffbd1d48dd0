//! `scores.csv`: one line an image, for spreadsheets and scripts.

use std::borrow::Cow;
use std::io::Write;

use differnet_eval::{ScoredImage, is_defect};

/// Writes a header and one line an image: `path,kind,defect,score,verdict`.
///
/// - `kind`: `good`, or the kind of defect
/// - `defect`: the label, `true` or `false`
/// - `score`: the shortest decimal that reads back as the same number; `inf`, `-inf` or `NaN`
/// - `verdict`: `defect` at or above the threshold (Eq. 6), else `ok`; empty without a threshold; `invalid`
///   whatever the score if the image cannot be judged
///
/// Fields are quoted as in RFC 4180 where they hold a comma, a quote or a line break; lines end
/// in a bare line feed, as most command line tools want them.
///
/// # Errors
/// Whatever `out` reports.
pub fn write_scores_csv<W: Write>(
    images: &[ScoredImage],
    threshold: Option<f64>,
    mut out: W,
) -> std::io::Result<()> {
    writeln!(out, "path,kind,defect,score,verdict")?;
    for image in images {
        let verdict = match threshold {
            _ if image.invalid.is_some() => "invalid",
            Some(threshold) if is_defect(image.score, threshold) => "defect",
            Some(_) => "ok",
            None => "",
        };
        writeln!(
            out,
            "{},{},{},{:?},{verdict}",
            csv_field(&image.path),
            csv_field(image.kind.as_deref().unwrap_or("good")),
            image.is_defect(),
            image.score,
        )?;
    }
    out.flush()
}

/// The field of a line of comma-separated values: quoted where it has to be (RFC 4180).
pub fn csv_field(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(images: &[ScoredImage], threshold: Option<f64>) -> String {
        let mut out = Vec::new();
        write_scores_csv(images, threshold, &mut out).expect("memory does not fail");
        String::from_utf8(out).expect("only text was written")
    }

    fn image(path: &str, kind: Option<&str>, score: f64) -> ScoredImage {
        ScoredImage { path: path.to_owned(), kind: kind.map(String::from), score, invalid: None }
    }

    #[test]
    fn one_line_an_image_with_verdicts_at_the_threshold() {
        let images = [
            image("test/good/1.png", None, 12.25),
            image("test/dent/2.png", Some("dent"), 20.0),
            image("test/dent/3.png", Some("dent"), f64::INFINITY),
            ScoredImage { invalid: Some("too dark".into()), ..image("4.png", None, 1.0) },
        ];
        let golden = "path,kind,defect,score,verdict\n\
                      test/good/1.png,good,false,12.25,ok\n\
                      test/dent/2.png,dent,true,20.0,defect\n\
                      test/dent/3.png,dent,true,inf,defect\n\
                      4.png,good,false,1.0,invalid\n";
        assert_eq!(csv(&images, Some(20.0)), golden);
        assert!(csv(&images[..3], None).lines().skip(1).all(|line| line.ends_with(',')));
    }

    #[test]
    fn special_characters_are_quoted() {
        let images = [image("a,\"b\"\nc.png", Some("dent, deep"), 1.0)];
        let golden = "path,kind,defect,score,verdict\n\
                      \"a,\"\"b\"\"\nc.png\",\"dent, deep\",true,1.0,\n";
        assert_eq!(csv(&images, None), golden);
    }

    #[test]
    fn scores_read_back_exactly() {
        let score = 0.1 + 0.2;
        let text = csv(&[image("x", None, score), image("y", None, 1e300)], None);
        let cells: Vec<f64> = text
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(3).expect("score").parse().expect("a number"))
            .collect();
        assert_eq!(cells, [score, 1e300]);
    }
}
