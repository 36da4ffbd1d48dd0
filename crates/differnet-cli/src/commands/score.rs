//! `differnet score`: judges photographs.

use std::ops::ControlFlow;
use std::path::PathBuf;

use differnet::{Answer, ScoreAnswer, Thresholds, Verdict, load_model};

use crate::answer_line::answer_line;
use crate::exit::{Exit, Interrupted};
use crate::inputs::named_images;
use crate::interrupt::Interrupt;
use crate::line_args::LineArgs;
use crate::numbers::finite;
use crate::output::{counted, print, print_json};
use crate::progress::Meter;
use crate::score_args::ScoringArgs;
use crate::source_args::SourceArgs;

/// Score photographs with a trained model: OK or DEFECT.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet score --model part.differnet new_photos
  differnet score --model part.differnet camera/0815.png --json
  differnet score --model part.differnet new_photos --fail-on-defect || stop_the_line
  differnet score --model part.differnet new_photos --adaptive    # sooner done where the case is clear
  differnet score --model part.differnet camera/0815.png --line line.json    # says when the line drifts

--json prints one object a line: {\"path\", \"method\", \"score\", \"threshold\", \"p_value\", \"verdict\":
\"ok\", \"unsure\" or \"defect\", \"transforms\"}, or {\"path\", \"error\"} for a file that is no usable image. A score of null is
too large for a number. The p-value is the share of good parts that score as high, judged by good images
that training did not see; null if there are none. `differnet calibrate` sets threshold and doubt.

Exit codes: 0 done, 1 error or some image could not be used, 2 wrong arguments, 3 defects found
(with --fail-on-defect), 130 interrupted.")]
pub(crate) struct ScoreArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Images, or folders of images nested to any depth.
    #[arg(required = true, value_name = "IMAGE_OR_DIR")]
    images: Vec<PathBuf>,
    /// Call an image a defect from this score on [default: the model's threshold].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Exit with code 3 if there is a defect.
    #[arg(long)]
    fail_on_defect: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    scoring: ScoringArgs,
    #[command(flatten)]
    line: LineArgs,
    #[command(flatten)]
    source: SourceArgs,
}

/// Prints lines as they come and counts them.
#[derive(Debug, Default)]
struct Report {
    json: bool,
    ok: usize,
    unsure: usize,
    defects: usize,
    failed: usize,
    /// Transforms of all images together.
    transforms: usize,
    /// Transforms of an image that needs all of them; `None` if every image gets them.
    adaptive: Option<usize>,
}

pub(crate) fn run(args: &ScoreArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let detector = load_model(&args.model, &args.source.device()?)?;
    let source = args.source.open()?;
    let model = detector.summary();
    // A threshold of one's own leaves no room for the model's doubt.
    let given = args.threshold.map(|defect| Thresholds { defect, unsure: None });
    let thresholds = given.unwrap_or_else(|| model.thresholds());
    let config = args.scoring.resolve(&*detector, thresholds);
    let mut line = args.line.open(&model)?;
    let adaptive = config.settle.map(|_| config.transforms);
    let mut report = Report { json: args.json, adaptive, ..Report::default() };
    let mut meter = Meter::new();

    let inputs = named_images(&args.images);
    let files = inputs.files();
    for (path, error) in inputs.unusable {
        report.add(Answer::failed(&path, error))?;
    }
    let mut unprinted = None;
    let flow = detector.score_files(&source, &files, &config, &mut |index, score| {
        let path = &files[index];
        if let Ok(score) = &score {
            line.add(score);
        }
        let answer = score.map(|score| ScoreAnswer::new(path, &model, &thresholds, &score));
        if let Err(error) = meter.suspend(|| report.add(Answer::new(path, answer))) {
            unprinted = Some(error);
            return ControlFlow::Break(());
        }
        meter.show("Scoring", index + 1, files.len(), "");
        interrupt.flow()
    })?;
    meter.clear();
    line.save()?;
    if let Some(error) = unprinted {
        return Err(error);
    }
    if flow.is_break() {
        let done = report.count();
        return Err(Interrupted(format!("Stopped after {done} of {} images.", files.len())).into());
    }
    report.finish()?;
    Ok(match (args.fail_on_defect && report.defects > 0, report.failed > 0) {
        (true, _) => Exit::Defects,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

impl Report {
    fn add(&mut self, answer: Answer<ScoreAnswer>) -> anyhow::Result<()> {
        if let Answer::Found(found) = &answer {
            self.transforms += found.transforms;
        }
        match &answer {
            Answer::Found(ScoreAnswer { verdict: Verdict::Ok, .. }) => self.ok += 1,
            Answer::Found(ScoreAnswer { verdict: Verdict::Unsure, .. }) => self.unsure += 1,
            Answer::Found(ScoreAnswer { verdict: Verdict::Defect, .. }) => self.defects += 1,
            Answer::Failed(_) => self.failed += 1,
        }
        if self.json {
            return print_json(&answer);
        }
        print(&answer_line(&answer))
    }

    fn count(&self) -> usize {
        self.ok + self.unsure + self.defects + self.failed
    }

    fn finish(&self) -> anyhow::Result<()> {
        if self.json {
            return Ok(());
        }
        let images = counted(self.count(), "image");
        let unsure = match self.unsure {
            0 => String::new(),
            unsure => format!(", {unsure} unsure"),
        };
        let defects = counted(self.defects, "defect");
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} could not be used"),
        };
        print(&format!("{images}: {} ok{unsure}, {defects}{failed}", self.ok))?;
        let scored = self.count() - self.failed;
        match self.adaptive {
            Some(most) if scored > 0 => {
                let mean = self.transforms as f64 / scored as f64;
                print(&format!("{mean:.1} of {most} transforms an image settled the verdicts"))
            }
            _ => Ok(()),
        }
    }
}
