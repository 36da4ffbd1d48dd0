//! Shards of a manifest: their parts make up what one process writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fixture::{Fixture, Run};

/// Images in the manifest, one of them no image and one not there.
const IMAGES: usize = 8;

/// A manifest, and a folder for parts.
struct Archive {
    folder: TempDir,
}

impl Archive {
    fn new() -> Self {
        let fixture = Fixture::shared();
        let archive = Self { folder: tempfile::tempdir().unwrap() };
        let broken = archive.at("broken.png");
        fs::write(&broken, "no image").unwrap();
        let mut paths = differnet_data::find_images(&fixture.test()).unwrap();
        assert_eq!(paths.len(), IMAGES - 2);
        paths.insert(2, broken);
        paths.push(archive.at("missing.png"));
        let lines: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        fs::write(archive.at("files.txt"), lines.join("\n")).unwrap();
        archive
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let fixture = Fixture::shared();
        let mut command = fixture.command();
        for name in ["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MAX"] {
            command.env_remove(name);
        }
        command.args(["score", "--no-cache", "--model"]).arg(fixture.model());
        command.arg("--manifest").arg(self.at("files.txt"));
        command
    }

    fn shard(&self, shard: &str, more: &[&str]) -> Run {
        let mut command = self.command();
        command.arg("--out").arg(self.at("parts")).args(["--shard", shard]).args(more);
        command.output().unwrap().into()
    }

    /// Scores all shards.
    fn all(&self, count: usize) {
        for index in 0..count {
            let run = self.shard(&format!("{index}/{count}"), &[]);
            assert_eq!(run.code, Some(0), "{}", run.err);
        }
    }

    fn part(&self, index: usize, count: usize) -> PathBuf {
        self.at("parts").join(format!("part-{index:05}-of-{count:05}.jsonl"))
    }

    fn merge(&self, name: &str) -> Run {
        let paths = [&self.at("parts"), Path::new("--out"), &self.at(name)];
        Fixture::shared().run(&["merge"], &paths)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.at(name)).unwrap()
    }
}

#[test]
fn merged_shards_are_the_bytes_of_one_process() {
    for count in [1, 3, 11] {
        let archive = Archive::new();
        archive.all(count);
        for name in ["scores.jsonl", "scores.csv", "scores.parquet"] {
            let run: Run =
                archive.command().arg("--out").arg(archive.at(name)).output().unwrap().into();
            assert_eq!(run.code, Some(1), "some images cannot be used: {}", run.err);
            let merged = format!("merged-{name}");
            let run = archive.merge(&merged);
            assert!(run.text().contains("8 images, 2 of them with an error"), "{}", run.out);
            assert!(archive.read(&merged) == archive.read(name), "{count} {name}");
        }
        let text = String::from_utf8(archive.read("scores.jsonl")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), IMAGES);
        assert!(lines[2].contains("broken.png") && lines[2].contains("\"error\""), "{text}");
        assert!(lines[7].contains("missing.png") && lines[7].contains("\"error\""), "{text}");
    }
}

#[test]
fn a_part_that_is_there_is_kept() {
    let archive = Archive::new();
    archive.all(2);
    let before = fs::metadata(archive.part(0, 2)).unwrap().modified().unwrap();
    let run = archive.shard("0/2", &[]);
    assert!(run.code == Some(0) && run.err.contains("is kept"), "{}", run.err);
    assert_eq!(fs::metadata(archive.part(0, 2)).unwrap().modified().unwrap(), before);
    // What a killed process left is removed by the next of its shard.
    let partial = archive.at("parts/part-00001-of-00002.jsonl.77777.0.partial");
    fs::write(&partial, "half").unwrap();
    fs::remove_file(archive.part(1, 2)).unwrap();
    assert_eq!(archive.shard("1/2", &[]).code, Some(0));
    assert!(!partial.exists());
    assert_eq!(fs::read_dir(archive.at("parts")).unwrap().count(), 2);
}

#[test]
fn a_folder_in_place_of_a_manifest_is_refused_for_good() {
    let fixture = Fixture::shared();
    for shards in [["--shard", "0/2"], ["--shards", "2"]] {
        let words = [&["score", "--out", "parts"], &shards[..], &["--model"]].concat();
        let run = fixture.run(&words, &[&fixture.model(), &fixture.test()]);
        assert_eq!(run.code, Some(2), "{}", run.err);
        assert!(run.err.contains(shards[0]), "{}", run.err);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_manifest_is_refused_for_good() {
    for more in [&["--shard", "0/2", "--out", "parts"][..], &[]] {
        let mut command = Fixture::shared().command();
        command.args(["score", "--manifest", "/dev/stdin", "--model"]);
        command.arg(Fixture::shared().model()).args(more).stdin(Stdio::piped());
        let run: Run = command.output().unwrap().into();
        assert!(run.code == Some(4) && run.err.contains("is no file"), "{}", run.err);
    }
}

#[test]
fn parts_of_another_job_are_not_mixed_with_and_no_restart_helps() {
    let refused = |archive: &Archive, shard: &str, more: &[&str], why: &str| {
        let before = fs::read_dir(archive.at("parts")).unwrap().count();
        let run = archive.shard(shard, more);
        assert_eq!(run.code, Some(4), "{why}: {}", run.err);
        assert!(run.err.contains(why), "{why}: {}", run.err);
        assert_eq!(fs::read_dir(archive.at("parts")).unwrap().count(), before);
    };
    let archive = Archive::new();
    assert_eq!(archive.shard("0/3", &[]).code, Some(0));
    // The shard's own part, and that of another shard.
    for shard in ["0/3", "1/3"] {
        refused(&archive, shard, &["--threshold", "7"], "settings.threshold is");
        refused(&archive, shard, &["--transforms", "1"], "settings.transforms is 2, not 1");
        refused(&archive, shard, &["--adaptive"], "settings.adaptive");
    }
    refused(&archive, "1/4", &[], "one of 3 parts, not 4");
    let model = archive.at("other.differnet");
    let run = Fixture::shared().train(&model, &["--seed", "9"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let mut other = archive.command();
    other.args(["--shard", "1/3"]).arg("--out").arg(archive.at("parts"));
    let words: Vec<_> = other.get_args().map(ToOwned::to_owned).collect();
    let words = words
        .into_iter()
        .map(|word| if word == Fixture::shared().model() { model.clone().into() } else { word });
    let run: Run = Fixture::shared().command().args(words).output().unwrap().into();
    assert!(run.code == Some(4) && run.err.contains("model is"), "{}", run.err);
    fs::write(archive.at("files.txt"), "another.png\n").unwrap();
    refused(&archive, "1/3", &[], "manifest is");
}

#[test]
fn what_a_restart_cures_has_another_code() {
    let archive = Archive::new();
    let code = |model: &Path, manifest: &Path| {
        let mut command = Fixture::shared().command();
        command.arg("score").arg("--model").arg(model).arg("--manifest").arg(manifest);
        command.args(["--shard", "0/2", "--out"]).arg(archive.at("parts"));
        let run: Run = command.output().unwrap().into();
        assert!(!archive.at("parts").exists() && run.err.contains("error: "), "{}", run.err);
        run.code
    };
    let (model, manifest) = (Fixture::shared().model(), archive.at("files.txt"));
    let missing = archive.at("missing");
    assert_eq!((code(&missing, &manifest), code(&model, &missing)), (Some(1), Some(1)));
    let garbage = archive.at("garbage");
    fs::write(&garbage, [0; 100]).unwrap();
    assert_eq!((code(&garbage, &manifest), code(&model, &garbage)), (Some(4), Some(4)));
    // The folders that a manifest names are not there.
    let lines: String = (0..20).map(|number| format!("/nowhere/{number}.png\n")).collect();
    let away = archive.at("away.txt");
    fs::write(&away, lines).unwrap();
    let mut command = Fixture::shared().command();
    command.arg("score").arg("--model").arg(&model).arg("--manifest").arg(&away);
    command.args(["--shard", "0/2", "--out"]).arg(archive.at("parts"));
    let run: Run = command.output().unwrap().into();
    assert!(run.code == Some(1) && run.err.contains("none of the 10 images"), "{}", run.err);
    assert_eq!(fs::read_dir(archive.at("parts")).unwrap().count(), 0);
}

#[test]
fn gaps_doubles_and_mixtures_are_not_merged() {
    let archive = Archive::new();
    archive.all(3);
    let refused = |code: i32, why: &str| {
        let run = archive.merge("merged.csv");
        assert_eq!(run.code, Some(code), "{why}: {}", run.err);
        assert!(run.err.contains(why), "{why}: {}", run.err);
        assert!(!archive.at("merged.csv").exists());
    };
    let whole = fs::read_to_string(archive.part(1, 3)).unwrap();
    fs::remove_file(archive.part(1, 3)).unwrap();
    refused(1, "1 are missing: 1");
    fs::write(archive.part(1, 3), &whole).unwrap();

    let copy = archive.at("parts/part-00001-of-00003 (1).jsonl");
    fs::write(&copy, &whole).unwrap();
    refused(4, "both shard 1/3");
    fs::remove_file(&copy).unwrap();

    let lines: Vec<&str> = whole.lines().collect();
    let model = lines[0].split("\"model\":\"").nth(1).unwrap().split('"').next().unwrap();
    for (from, to, why) in [
        (model, "00", "model is \"00\""),
        ("\"transforms\":2", "\"transforms\":3", "settings.transforms is 3, not 2"),
        ("\"shards\":3", "\"shards\":4", "is no part"),
        (lines[2], "", "is damaged"),
        (lines[2], &lines[2][..lines[2].len() / 2], "is damaged"),
        ("{", "[", "is no part"),
    ] {
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole);
        fs::write(archive.part(1, 3), changed).unwrap();
        refused(4, why);
    }
    fs::write(archive.part(1, 3), lines[..lines.len() - 1].join("\n")).unwrap();
    refused(4, "rows, not");
    fs::write(archive.part(1, 3), &whole).unwrap();
    archive.merge("merged.csv").text();

    fs::create_dir(archive.at("empty")).unwrap();
    let paths = [&archive.at("empty"), Path::new("--out"), &archive.at("x.csv")];
    let run = Fixture::shared().run(&["merge"], &paths);
    assert!(run.code == Some(1) && run.err.contains("holds no parts"), "{}", run.err);
}

#[test]
fn schedulers_say_which_shard_it_is() {
    let archive = Archive::new();
    let run = |variables: &[(&str, &str)]| -> Run {
        let mut command = archive.command();
        command.envs(variables.iter().copied());
        command.args(["--shards", "2", "--out"]).arg(archive.at("parts")).output().unwrap().into()
    };
    assert_eq!(run(&[("JOB_COMPLETION_INDEX", "0")]).code, Some(0));
    assert!(archive.part(0, 2).exists() && !archive.part(1, 2).exists());
    assert_eq!(run(&[("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_MAX", "1")]).code, Some(0));
    archive.merge("merged.jsonl").text();
    for variables in [&[][..], &[("JOB_COMPLETION_INDEX", "2")], &[("SLURM_ARRAY_TASK_ID", "x")]] {
        assert_eq!(run(variables).code, Some(2), "{variables:?}");
    }
    for wrong in [
        &["--shard", "2/2"][..],
        &["--shard", "1"],
        &["--shard", "0/2", "--shards", "2"],
        &["--shard", "0/2", "--json"],
        &["--shard", "0/2", "--format", "csv"],
        &["--shard", "0/2", "--fail-on-defect"],
    ] {
        let mut command = archive.command();
        let run: Run =
            command.args(wrong).arg("--out").arg(archive.at("new")).output().unwrap().into();
        assert_eq!(run.code, Some(2), "{wrong:?}: {}", run.err);
    }
    assert_eq!(archive.command().args(["--shard", "0/2"]).output().unwrap().status.code(), Some(2));
    assert!(!archive.at("new").exists());
}
