//! Files that fit and files that do not; names; folded batch norms.

use std::error::Error as _;
use std::path::PathBuf;

use super::*;

/// Tensors of a file: name, shape, values.
type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

fn weights() -> PretrainedWeights {
    PretrainedWeights::untrained(Backbone::ResNet18, 1)
}

fn tensors(weights: &PretrainedWeights) -> Tensors {
    weights.tensors().map(|(name, shape, values)| (name, shape.into(), values.into())).collect()
}

/// A file of `tensors`, as `change` leaves them.
fn file(folder: &Path, mut tensors: Tensors, change: impl FnOnce(&mut Tensors)) -> PathBuf {
    change(&mut tensors);
    let path = folder.join("weights.safetensors");
    let named =
        || tensors.iter().map(|(name, shape, values)| NamedTensor::floats(name, shape, values));
    save_tensors(&path, &BTreeMap::new(), named).expect("writable");
    path
}

/// The error of a file and its cause.
fn refusal(backbone: Backbone, path: &Path) -> String {
    let error = PretrainedWeights::read(backbone, path).expect_err("no weights of the network");
    format!("{error}: {}", error.source().expect("a cause"))
}

#[test]
fn a_file_gives_back_what_was_saved_and_classifiers_do_not_matter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let weights = weights();
    let path = file(folder.path(), tensors(&weights), |tensors| {
        tensors.push(("fc.weight".into(), vec![2, 3], vec![1.0; 6]));
        tensors.push(("bn1.num_batches_tracked".into(), vec![1], vec![7.0]));
    });
    let found = PretrainedWeights::read(Backbone::ResNet18, &path).expect("its own file");
    assert_eq!(found.tensors, weights.tensors);
    assert_eq!(found.id(4), weights.id(4));
    let bytes = std::fs::read(&path).expect("readable");
    assert_eq!(found.file_sha256(), hexadecimal(&Sha256::digest(bytes)));
}

#[test]
fn tensors_that_do_not_fit_are_named_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = tensors(&weights());
    let refused = |change: &dyn Fn(&mut Tensors)| {
        refusal(Backbone::ResNet18, &file(folder.path(), all.clone(), change))
    };
    let position = |name: &str| all.iter().position(|tensor| tensor.0 == name).expect("a tensor");
    let at = position("layer2.0.conv1.weight");
    let missing = refused(&|tensors| drop(tensors.remove(at)));
    assert!(missing.contains("\"layer2.0.conv1.weight\" is missing"), "{missing}");
    assert!(missing.contains("torchvision.models.resnet18("), "{missing}");
    let extra = refused(&|tensors| tensors.push(("layer5.0".into(), vec![1], vec![0.0])));
    assert!(extra.contains("\"layer5.0\""), "{extra}");
    let shaped = refused(&|tensors| tensors[at].1 = vec![64, 128, 3, 3]);
    assert!(shaped.contains("[64, 128, 3, 3], expected [128, 64, 3, 3]"), "{shaped}");
    let infinite = refused(&|tensors| tensors[at].2[5] = f32::INFINITY);
    assert!(infinite.contains("not finite, at position 5"), "{infinite}");
    let variance = position("bn1.running_var");
    let negative = refused(&|tensors| tensors[variance].2[3] = -1.0);
    assert!(
        negative.contains("\"bn1.running_var\"") && negative.contains("position 3"),
        "{negative}"
    );
}

#[test]
fn a_file_of_another_network_says_which() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = file(folder.path(), tensors(&weights()), |_| ());
    let found = refusal(Backbone::Vgg16, &path);
    assert!(found.contains("use --backbone resnet18"), "{found}");
}

#[test]
fn names_depend_on_the_values_of_the_stages_named_and_on_no_others() {
    let one = weights();
    let mut values = one.tensors().filter(|(name, ..)| name == "layer3.0.conv1.weight");
    let (_, shape, first) = values.next().expect("a tensor");
    let changed = PretrainedWeights::collect(Backbone::ResNet18, 4, String::new(), |name, _| {
        let mut values = one.tensors[name].values.clone();
        values[0] += if name == "layer3.0.conv1.weight" { 1.0 } else { 0.0 };
        Ok(values)
    });
    let changed = changed.expect("finite values");
    assert_eq!((shape, first.len()), (&[256, 128, 3, 3][..], 256 * 128 * 9));
    assert_eq!([1, 2].map(|stages| changed.id(stages)), [1, 2].map(|stages| one.id(stages)));
    assert_ne!(changed.id(3), one.id(3));
    assert_ne!(changed.id(4), one.id(4));
    let part = one.up_to(2);
    assert_eq!((part.stages(), part.id(2)), (2, one.id(2)));
    assert!(part.tensors().all(|(name, ..)| !name.starts_with("layer3")));
    assert_ne!(PretrainedWeights::untrained(Backbone::ResNet18, 2).id(1), one.id(1));
}

#[test]
fn norms_are_folded_in_by_hand() {
    let stages = architecture::stages(Backbone::ResNet18);
    let [stem] = stages[0][0].convolutions()[..] else { panic!("a convolution") };
    let weights =
        PretrainedWeights::collect(Backbone::ResNet18, 1, String::new(), |name, shape| {
            let value = match name {
                "bn1.weight" => 6.0,
                "bn1.bias" => 5.0,
                "bn1.running_mean" => 3.0,
                "bn1.running_var" => 4.0,
                _ => 0.5,
            };
            Ok(vec![value; shape.iter().product()])
        });
    let folded = weights.expect("finite values").folded(stem);
    // 6 / √4 = 3 up to ε: 3 · 0.5, and 5 − 3 · 3.
    assert!(folded.weight.iter().all(|w| (w - 1.5).abs() < 1e-4));
    assert!(folded.bias.iter().all(|b| (b + 4.0).abs() < 1e-4));
}
