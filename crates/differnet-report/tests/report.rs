//! The report as its readers get it: one safe, complete, reproducible document.

use differnet_eval::{ScoredImage, evaluate};
use differnet_report::{
    EncodedImage, ImageFormat, LossPoint, Report, ReportImage, ReportSection, UnusableFile,
    UnusableKind, write_report,
};
use differnet_scoring::Verdict;

/// A name that would do harm if it were taken for markup.
const HOSTILE: &str = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&.png";

fn html(report: &Report) -> String {
    let mut out = Vec::new();
    write_report(report, &mut out).expect("memory does not fail");
    String::from_utf8(out).expect("only text was written")
}

fn picture(bytes: usize) -> EncodedImage {
    EncodedImage { format: ImageFormat::Jpeg, bytes: vec![0xa5; bytes], width: 320, height: 240 }
}

fn image(name: &str, score: f64, defect: Option<bool>) -> ReportImage {
    ReportImage { name: name.to_owned(), score, defect, ..Default::default() }
}

/// A report with every part filled in.
fn full() -> Report {
    let mut report = Report::new("Rings", 10.0);
    report.subtitle = String::from("4 May 2026");
    report.images = vec![
        image("passed.png", 2.0, Some(false)),
        image("alarm.png", 11.0, Some(false)),
        image("miss.png", 3.0, Some(true)),
        image("found.png", 20.0, Some(true)),
    ];
    for image in &mut report.images {
        image.kind = image.defect.filter(|defect| *defect).map(|_| String::from("dent"));
        image.thumbnail = Some(picture(30));
        image.overlay = Some(picture(20));
    }
    report.metrics = Some(metrics(&report));
    report.pixel = vec![(String::from("Pixel AUROC"), String::from("0.9432"))];
    report.history = (0..50)
        .map(|update| LossPoint { update, train: -0.1 * update as f64, validation: None })
        .collect();
    report.unusable = vec![UnusableFile {
        name: String::from("torn.jpg"),
        reason: String::from("it ends in the middle of a line"),
        kind: UnusableKind::Image,
    }];
    report.sections = vec![ReportSection {
        title: String::from("Settings"),
        rows: vec![(String::from("Preset"), String::from("quick"))],
    }];
    report
}

fn metrics(report: &Report) -> differnet_eval::Metrics {
    let scored: Vec<ScoredImage> = report
        .images
        .iter()
        .map(|i| ScoredImage {
            path: i.name.clone(),
            kind: i.kind.clone(),
            score: i.score,
            invalid: None,
        })
        .collect();
    evaluate(&scored, Some(report.threshold), 0).expect("labels of both kinds")
}

#[test]
fn nothing_is_missing_from_a_full_report_and_everything_is_in_order() {
    let html = html(&full());
    let parts = [
        "<h1>Rings</h1>",
        "4 May 2026",
        "2 of 4 judged images reached the threshold of 10.00",
        "True alarms",
        "Misses",
        "False alarms",
        "AUROC",
        "Recall at zero false alarms",
        "Pixel AUROC",
        "95 % band",
        "Anomaly score (nats)",
        "All maps",
        "miss.png",
        "Training curve",
        "Preset",
        "torn.jpg",
    ];
    let mut place = 0;
    for part in parts {
        let at = html[place..].find(part).unwrap_or_else(|| panic!("{part} is missing or early"));
        place += at;
    }
    assert!(!html.contains("class=\"missing\""));
}

#[test]
fn the_worst_misses_lead_the_gallery_and_the_worst_false_alarms_follow() {
    let mut report = full();
    report.images.push(image("worse miss.png", 1.0, Some(true)));
    report.images.push(image("worse alarm.png", 15.0, Some(false)));
    let html = html(&report);
    let gallery = &html[html.find("class=\"gallery\"").expect("a gallery")..];
    let names =
        ["worse miss.png", "miss.png", "worse alarm.png", "alarm.png", "found.png", "passed.png"];
    let places: Vec<usize> = names
        .iter()
        .map(|name| gallery.find(&format!("<bdi>{name}</bdi>")).expect("every image is shown"))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn files_without_a_score_are_counted_as_what_they_are() {
    let mut report = full();
    let file = |name: &str, kind| UnusableFile { name: name.into(), reason: "why".into(), kind };
    let invalid = UnusableKind::of(Some(Verdict::Invalid));
    report.unusable = vec![file("deep.png", invalid), file("mask.png", UnusableKind::Mask)];
    let count = |html: &str, name: &str| -> Option<String> {
        let (_, after) = html.split_once(&format!("<dt>{name}</dt><dd class=\"value\">"))?;
        Some(after.split_once('<')?.0.to_owned())
    };
    // Four images have a score and one is invalid; a mask is none.
    let page = html(&report);
    for (name, golden) in [("Images", "5"), ("INVALID", "1"), ("Errors", "0")] {
        assert_eq!(count(&page, name).as_deref(), Some(golden), "{name}");
    }
    report.unusable.push(file("torn.jpg", UnusableKind::of(None)));
    let page = html(&report);
    for (name, golden) in [("Images", "6"), ("INVALID", "1"), ("Errors", "1")] {
        assert_eq!(count(&page, name).as_deref(), Some(golden), "{name}");
    }
}

#[test]
fn names_and_texts_from_outside_are_never_markup() {
    let mut report = full();
    let hostile = || HOSTILE.to_owned();
    report.title = hostile();
    report.subtitle = hostile();
    report.images[0].name = hostile();
    report.images[2].kind = Some(hostile());
    report.metrics = Some(metrics(&report));
    report.pixel = vec![(hostile(), hostile())];
    report.unusable =
        vec![UnusableFile { name: hostile(), reason: hostile(), kind: UnusableKind::Image }];
    report.sections = vec![ReportSection { title: hostile(), rows: vec![(hostile(), hostile())] }];
    let html = html(&report);
    // The document's own two scripts, and no picture but the given ones.
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(html.matches("<img").count(), 8);
    assert!(!html.contains("<img src=x") && !html.contains("</title><script"));
    // An attribute that holds the name ends where it should.
    assert!(html.contains("Opacity of the map of &lt;/title&gt;&lt;script&gt;alert(1)"));
    assert!(html.contains("&quot;'&gt;&lt;img src=x onerror=alert(2)&gt;&amp;.png\""));

    report.metrics = None;
    report.missing_metrics = Some(hostile());
    report.notes = vec![hostile()];
    assert_eq!(self::html(&report).matches("<script").count(), 2);
}

#[test]
fn a_strict_policy_comes_first_and_nothing_is_requested() {
    let html = html(&full());
    let policy = html.find("default-src 'none'; img-src data:;").expect("a content policy");
    assert!(policy < html.find("<style").expect("a style") && policy < 250, "{policy}");
    for forbidden in ["http:", "https:", "url(", "<link", "@import", "<iframe", "src=\"//"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert_eq!(html.matches("src=\"").count(), html.matches("src=\"data:image/").count());
    assert!(html.matches("href=\"").count() == html.matches("href=\"#").count());
}

#[test]
fn every_control_has_a_name() {
    let html = html(&full());
    // Each slider of a card names its image; the other controls stand within their labels.
    assert_eq!(html.matches("aria-label=\"Opacity of the map of ").count(), 4);
    let controls = html.matches("<input").count() - 4;
    assert_eq!(controls, 7, "five filters, the search and the slider of all maps");
    assert_eq!(html.matches("<label").count(), 4 + controls);
}

#[test]
fn parts_that_are_missing_say_so() {
    let says = |report: &Report, sentences: &[&str]| {
        let html = html(report);
        for sentence in sentences {
            assert!(html.contains(sentence), "{sentence}");
        }
        html
    };
    let mut report = Report::new("Rings", 10.0);
    says(&report, &["No image was scored", "No masks", "No course of the training", "No settings"]);

    report.images = vec![image("a.png", 1.0, None), image("b.png", 12.0, None)];
    let unlabelled = says(
        &report,
        &["no labels that say good or defect", "No ROC curve", "No maps were made", "No picture"],
    );
    assert!(!unlabelled.contains("Misses come first") && !unlabelled.contains("type=\"range\""));
    assert!(unlabelled.contains("no label (2 images)"), "the histogram needs no labels");

    report.images.iter_mut().for_each(|image| image.defect = Some(false));
    says(&report, &["The 2 images with a label show good parts only", "2 show good parts and 0"]);
    report.images.iter_mut().for_each(|image| image.defect = Some(true));
    says(&report, &["The 2 images with a label show defects only"]);
    report.images[0].defect = None;
    says(&report, &["1 image without a label: not counted"]);
    report.missing_metrics = Some(String::from("The labels are from last year."));
    says(&report, &["The labels are from last year."]);
    report.pixel_notes = vec![String::from("The mask of a.png is black.")];
    let noted = says(&report, &["The mask of a.png is black."]);
    assert!(!noted.contains("No masks were given"));
}

#[test]
fn a_score_that_is_not_a_number_gets_no_verdict() {
    let mut report = full();
    report.images[0].score = f64::NAN;
    report.metrics = None;
    let html = html(&report);
    assert!(html.contains("NO VERDICT") && html.contains("not a number"));
    // With the unusable file there are two errors.
    assert!(html.contains("<dt>Errors</dt><dd class=\"value\">2</dd>"));
    assert!(!html.contains("NaN"));
}

#[test]
fn perfect_separation_does_not_claim_certainty() {
    let mut report = full();
    report.images[2].score = 30.0;
    report.metrics = Some(metrics(&report));
    let html = html(&report);
    assert!(html.contains("no interval: redrawing the images shows no spread"));
    assert!(html.contains("narrower than the truth"));
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(html(&full()), html(&full()));
}

#[test]
fn two_hundred_images_with_maps_fit_into_a_mail() {
    let mut report = full();
    report.images = (0..200)
        .map(|index| ReportImage {
            name: format!("2026-05-04/line 3/camera 2/IMG_{index:05}.jpg"),
            score: 300.0 + f64::from(index),
            invalid: None,
            defect: Some(index % 4 == 0),
            kind: (index % 4 == 0).then(|| String::from("scratch")),
            thumbnail: Some(picture(20_000)),
            overlay: Some(picture(15_000)),
        })
        .collect();
    report.metrics = Some(metrics(&report));
    let bytes = html(&report).len();
    // Pictures alone take 200 · 35 kB · 4/3 = 9.33 MB.
    assert!(bytes <= 10_000_000, "{bytes} bytes");
    let pictures: usize = 200 * (20_000_usize.div_ceil(3) + 15_000_usize.div_ceil(3)) * 4;
    assert!(bytes - pictures < 300_000, "{} bytes of markup", bytes - pictures);
}
