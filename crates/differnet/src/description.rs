//! Description of a model, its settings and the machine: names and values, in order.

use differnet_data::Regions;
use differnet_scoring::percent;

use crate::calibration::{Calibration, ThresholdRule};
use crate::config::Config;
use crate::header::Header;

/// Names and values, in the order to show.
type NamedValues = Vec<(String, String)>;

impl Header {
    /// Description of the model: its training and its facts.
    pub fn rows(&self) -> NamedValues {
        let method = self.config.method.method();
        let unit = method.unit().map_or_else(String::new, |unit| format!(", {unit}"));
        let threshold = format!("threshold{unit}");
        let mut rows = rows([
            ("method", method.to_string()),
            ("trained by", format!("differnet {}", self.version)),
            ("training images", self.training_images.to_string()),
            ("validation images", self.validation_text()),
            ("regions", self.regions_text()),
            ("depth of samples", self.depth_text()),
            ("feature extractor", self.extractor.clone().unwrap_or_else(|| "none".to_owned())),
            (threshold.as_str(), format!("{:.4}", self.thresholds().defect)),
        ]);
        rows.extend(self.all_facts());
        rows
    }

    /// Calibration, hash of the network's weights, what the method has to tell, the threshold of its maps, and
    /// what images are accepted.
    pub fn all_facts(&self) -> NamedValues {
        let maps = self.map_threshold.map(|value| format!("{value:.4}"));
        let maps = maps.map(|value| ("threshold of maps".to_owned(), value));
        let accepted = self
            .input_guard
            .ranges()
            .iter()
            .map(|range| (format!("accepted {}", range.property.name()), range.to_string()));
        let network = self.weights_sha256.iter();
        let network =
            network.map(|hash| ("weights of the network".to_owned(), format!("SHA-256 {hash}")));
        let calibration = self.calibration.iter().flat_map(Calibration::rows);
        let facts = network.chain(self.facts.iter().cloned());
        calibration.chain(facts).chain(maps).chain(accepted).collect()
    }

    /// Number of validation images, for people.
    pub fn validation_text(&self) -> String {
        if self.cross_validated {
            return "none; threshold by cross-validation".to_owned();
        }
        self.held_back_images.to_string()
    }

    /// Number of bits of a sample that count, for people.
    pub fn depth_text(&self) -> String {
        match self.depth {
            None => "as each file states it".to_owned(),
            Some(16) => "16 bits".to_owned(),
            Some(bits) => format!("{bits} of 16 bits"),
        }
    }

    /// Description of the regions that count.
    pub fn regions_text(&self) -> String {
        self.regions
            .as_ref()
            .map_or_else(|| "none, the whole image counts".to_owned(), Regions::to_string)
    }
}

impl Calibration {
    /// Rule and images that the threshold rests on, and where doubt begins.
    fn rows(&self) -> NamedValues {
        let rule = match self.rule {
            ThresholdRule::FalseAlarmRate { rate, confidence, .. } => format!(
                "at most {} % of good parts rejected, {} % confidence",
                percent(rate),
                percent(confidence)
            ),
            ThresholdRule::Cost { escape, false_alarm, defect_share, defects } => format!(
                "least cost: {escape} for a defect missed, {false_alarm} for a false alarm, a share of \
                 {defect_share} defective; {defects} defects"
            ),
        };
        let rule = format!("{rule}; {} good images", self.good_scores.len());
        let unsure = self.unsure.map(|from| ("unsure from".to_owned(), format!("{from:.4}")));
        [("threshold set by".to_owned(), rule)].into_iter().chain(unsure).collect()
    }
}

impl Config {
    /// Every setting under its name in a settings file.
    pub fn rows(&self) -> NamedValues {
        let text = self.to_toml();
        let settings = text.lines().filter_map(|line| line.split_once(" = "));
        let plain = |value: &str| value.trim_matches('"').to_owned();
        settings.map(|(name, value)| (name.to_owned(), plain(value))).collect()
    }
}

/// Program, `device` and machine; `commit` is the source's, if it is known.
pub fn environment(device: &str, commit: Option<&str>) -> NamedValues {
    let processors = std::thread::available_parallelism();
    rows([
        ("program", format!("differnet {}", env!("CARGO_PKG_VERSION"))),
        ("commit", commit.unwrap_or("unknown: not built in a git repository").to_owned()),
        ("device", device.to_owned()),
        ("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("processors", processors.map_or_else(|_| "unknown".to_owned(), |count| count.to_string())),
    ])
}

fn rows<const N: usize>(rows: [(&str, String); N]) -> NamedValues {
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_row() {
        let config = Config { seed: 9, ..Config::default() };
        let rows = config.rows();
        assert_eq!(rows.len(), config.to_toml().lines().count());
        let row = |name: &str| rows.iter().find(|row| row.0 == name).map(|row| row.1.as_str());
        assert_eq!((row("preset"), row("seed")), (Some("quick"), Some("9")));
    }

    #[test]
    fn a_calibration_says_what_it_rests_on() {
        let rule =
            ThresholdRule::FalseAlarmRate { rate: 0.05, confidence: 0.95, unsure_rate: Some(0.2) };
        let good_scores = vec![1.0; 80];
        let calibration = Calibration {
            rule,
            threshold: 3.0,
            unsure: Some(2.5),
            good_scores,
            added: Default::default(),
        };
        let golden = [
            (
                "threshold set by",
                "at most 5 % of good parts rejected, 95 % confidence; 80 good images",
            ),
            ("unsure from", "2.5000"),
        ];
        assert_eq!(calibration.rows(), rows(golden.map(|(name, value)| (name, value.to_owned()))));
    }

    #[test]
    fn the_environment_names_device_and_commit() {
        let rows = environment("flex", Some("0123abcd"));
        assert!(rows.contains(&("device".to_owned(), "flex".to_owned())));
        assert!(rows.contains(&("commit".to_owned(), "0123abcd".to_owned())));
        assert!(environment("flex", None)[1].1.starts_with("unknown"));
    }
}
