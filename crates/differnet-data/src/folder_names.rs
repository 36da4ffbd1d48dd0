//! Roles of image folders by their names, in the words that people use.

/// Role of an image folder, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FolderRole {
    /// Good images.
    Good,
    /// Images of defects.
    Defects,
    /// Masks of defects.
    Masks,
    /// Images to train on.
    Train,
    /// Images to test with.
    Test,
    /// Images to choose settings by.
    Validation,
    /// The name does not say.
    Other,
}

/// Words for good parts.
const GOOD: &str = "\
    accept accepted bon bonne buono bueno clean conform conforme conforming correct defectfree \
    einwandfrei faultless fehlerfrei flawless good gut gute guten gutteil gutteile healthy \
    inordnung intact io nominal normal ok okay pass passed perfect undamaged годные норма 合格 \
    正常 良品";

/// Words for defective parts, whatever is wrong with them.
const DEFECTIVE: &str = "\
    abnormal anomalie anomalies anomalous anomaly anormal ausschuss bad beschaedigt beschädigt \
    broken damage damaged defaut defect defecto defective defectuoso defekt defekte defetto \
    difetto difettoso défaut error fail failed failure fault faulty fehler fehlerhaft fehlteil \
    fehlteile flaw flawed imperfect imperfection incorrect kaputt ko malo mangelhaft mauvais ng \
    nichtinordnung nio nogo nogood nok nonconforming notok outlier rebut reject rejected \
    rejection scarto schlecht schlechte schlechtteil schlechtteile scrap scrapped unacceptable \
    wrong брак дефект дефекты 不合格 不良 不良品 异常 異常 缺陷";

/// Words for kinds of defects. Parts are called so, too: "plate with hole".
const KINDS: &str = "\
    blowhole bruch bubble burr chipped contaminated contamination corroded corrosion crack \
    cracked deformation deformed delle dent dented fleck fray hole inclusion kratzer \
    misaligned misplaced misprint missing pinhole porosity riss risse rost rust rusty scratch \
    scratched scratches scuff stain stained torn void";

/// Words for kinds of defects that mean so only beside words for good parts.
const RARE_KINDS: &str = "\
    bent color colour combined cut flip fold glue leak liquid oil paint poke print rough spot \
    squeeze swap tear thread";

/// Words for masks wherever they stand in a name.
const MASKS: &str = "groundtruth gt mask maske masken masque";

/// Words for masks that parts are called by, too.
const ALSO_MASKS: &str = "annot annotation label seg segmentation";

const TRAIN: &str = "learn learning train training trainset trn";

const TEST: &str = "eval evaluation holdout pruefung prüfung test testing testset tst";

const VALIDATION: &str = "dev val valid validation";

/// Words that say nothing of what is wrong.
const NEUTRAL: &str = "\
    all aufnahme bild bilder crop cropped data dataset example file folder foto image img item \
    more muster new old only part photo photograph pic picture piece product public raw rgb \
    sample set some teil teile the unit";

/// Words that turn the meaning of the next one.
const NEGATIONS: &str = "kein keine n nicht no non not ohne sans senza sin without";

/// Words that turn the meaning of the one before.
const FREE: &str = "frei free";

/// Meaning of one word of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Good,
    Defective,
    Kind,
    Mask,
    AlsoMask,
    Train,
    Test,
    Validation,
    Neutral,
    Unknown,
}

/// Returns the role that a folder's name implies, ignoring case.
///
/// One word that means a defect or a mask is enough; for the other roles every word counts.
pub(crate) fn role_of(name: &str) -> FolderRole {
    let senses = senses_of(name);
    if senses.contains(&Sense::Defective) {
        return FolderRole::Defects;
    }
    if senses.contains(&Sense::Mask) {
        return FolderRole::Masks;
    }
    let told: Vec<Sense> = senses.into_iter().filter(|sense| *sense != Sense::Neutral).collect();
    let all = |known: &[Sense]| !told.is_empty() && told.iter().all(|word| known.contains(word));
    if all(&[Sense::Kind]) {
        FolderRole::Defects
    } else if all(&[Sense::AlsoMask]) {
        FolderRole::Masks
    } else if all(&[Sense::Train]) {
        FolderRole::Train
    } else if all(&[Sense::Good, Sense::Train]) {
        FolderRole::Good
    } else if all(&[Sense::Good, Sense::Train, Sense::Test]) {
        FolderRole::Test
    } else if all(&[Sense::Good, Sense::Validation]) {
        FolderRole::Validation
    } else {
        FolderRole::Other
    }
}

/// Tells whether some word of the name means a defect, or a kind of one.
pub(crate) fn names_a_defect(name: &str) -> bool {
    let is_rare_kind = |word: &String| has(RARE_KINDS, word);
    senses_of(name).iter().any(|sense| matches!(sense, Sense::Defective | Sense::Kind))
        || words_of(name).iter().any(is_rare_kind)
}

fn senses_of(name: &str) -> Vec<Sense> {
    let words = words_of(name);
    // Names such as `n.i.O.` and `ground truth` are one word in several parts.
    let whole = sense_of(&words.concat());
    if whole != Sense::Unknown {
        return vec![whole];
    }
    let is = |list: &str, at: Option<usize>| {
        at.and_then(|at| words.get(at)).is_some_and(|word| has(list, word))
    };
    let mut senses = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        let turned = is(NEGATIONS, at.checked_sub(1)) || is(FREE, Some(at + 1));
        senses.push(match sense_of(word) {
            Sense::Good if turned => Sense::Defective,
            Sense::Defective | Sense::Kind if turned => Sense::Good,
            // It belongs to the word that it turns; alone it says that a part is good.
            Sense::Unknown if is(FREE, Some(at)) => Sense::Good,
            Sense::Unknown if is(NEGATIONS, Some(at)) && at + 1 < words.len() => Sense::Neutral,
            Sense::Unknown
                if word == "ground" && words.get(at + 1).is_some_and(|w| w == "truth") =>
            {
                Sense::Mask
            }
            sense => sense,
        });
    }
    senses
}

fn sense_of(word: &str) -> Sense {
    let lists = [
        (GOOD, Sense::Good),
        (DEFECTIVE, Sense::Defective),
        (KINDS, Sense::Kind),
        (MASKS, Sense::Mask),
        (ALSO_MASKS, Sense::AlsoMask),
        (TRAIN, Sense::Train),
        (TEST, Sense::Test),
        (VALIDATION, Sense::Validation),
        (NEUTRAL, Sense::Neutral),
    ];
    // Shorter words are not made of a shorter one: `kos` is no plural of `ko`.
    let singular = word.strip_suffix('s').filter(|word| word.len() > 3).unwrap_or(word);
    let known = |list: &str| has(list, word) || has(list, singular);
    match lists.into_iter().find(|(list, _)| known(list)) {
        Some((_, sense)) => sense,
        None if !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) => Sense::Neutral,
        None => Sense::Unknown,
    }
}

/// Tells whether `word` is one of the words in `list`.
fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

/// The words of a name in small letters: `BadParts_02` is `bad`, `parts`, `02`.
fn words_of(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let begins = before.is_some_and(|before| {
            (before.is_lowercase() && letter.is_uppercase())
                || before.is_numeric() != letter.is_numeric()
                || (before.is_uppercase()
                    && letter.is_uppercase()
                    && letters.get(at + 1).is_some_and(|next| next.is_lowercase()))
        });
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_in_any_case_number_and_order() {
        for (role, names) in [
            (
                FolderRole::Good,
                "good Good OK ok_02 Okay normal Normals pass PASSED gut Gutteile i.O. io iO \
                 good-parts OKParts defect-free no_defects non_defective fehlerfrei free Clean \
                 NoDefect train_good 01_good okImages",
            ),
            (
                FolderRole::Defects,
                "bad BAD NG ng2 NOK nok KO ko defect Defects defective anomaly Anomalies abnormal \
                 reject Rejects rejected schlecht n.i.O. nio not_ok NotOK not-good no_good n_ok fail \
                 failed faulty Ausschuss Fehler défaut bad_parts DefectImages train_ng scratch \
                 scratches Cracks 03_holes broken_large BadParts rebuts outliers ok_but_damaged",
            ),
            (
                FolderRole::Masks,
                "mask Masks ground_truth GroundTruth gt GT labels annotations defect-free-mask \
                 segmentation mask_png",
            ),
            (FolderRole::Train, "train Train TRAINING train2 training_images"),
            (FolderRole::Test, "test Test TEST tests testing test_public test_good"),
            (FolderRole::Validation, "val Validation valid_images"),
            (
                FolderRole::Other,
                "monday 2024-05-01 camera_1 hex_nut label_front plate_with_hole goodyear badge \
                 komatsu test_bench line bottle S0001 kos01 free_form",
            ),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(role_of(name), role, "{name}");
            }
        }
        assert_eq!(role_of("bad parts"), FolderRole::Defects);
        assert_eq!(role_of("nicht in Ordnung"), FolderRole::Defects);
        assert_eq!(role_of("in Ordnung"), FolderRole::Good);
        assert_eq!(role_of(""), FolderRole::Other);
    }

    #[test]
    fn kinds_of_defects_are_known_among_other_words() {
        for name in ["scratch_head", "plate_with_hole", "bent_wire", "NG", "metal_contamination"] {
            assert!(names_a_defect(name), "{name}");
        }
        for name in ["good", "monday", "gutteile", "scratch_free"] {
            assert!(!names_a_defect(name), "{name}");
        }
    }
}
