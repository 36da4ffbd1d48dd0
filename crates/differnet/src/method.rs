//! The methods that this crate can fit to good images.

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

/// A method, by the name that files and the command line use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Method {
    /// A normalizing flow on features: the paper's.
    #[serde(rename = "differnet")]
    DifferNet,
    /// Distance to the nearest training row of features.
    #[serde(rename = "1nn")]
    OneNearestNeighbour,
    /// One-class support vector machine on features.
    #[serde(rename = "ocsvm")]
    OneClassSvm,
    /// A network that tells geometric transforms of small images apart.
    #[serde(rename = "geotrans")]
    GeoTrans,
    /// An adversarially trained autoencoder of small images, and an encoder of what it makes.
    #[serde(rename = "ganomaly")]
    Ganomaly,
    /// An energy of small images.
    #[serde(rename = "dsebm")]
    Dsebm,
    /// A generator of small images, searched for the closest one.
    #[serde(rename = "adgan")]
    Adgan,
}

impl Method {
    /// All methods, DifferNet first.
    pub const ALL: [Self; 7] = [
        Self::DifferNet,
        Self::OneNearestNeighbour,
        Self::OneClassSvm,
        Self::GeoTrans,
        Self::Ganomaly,
        Self::Dsebm,
        Self::Adgan,
    ];

    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DifferNet => "differnet",
            Self::OneNearestNeighbour => "1nn",
            Self::OneClassSvm => "ocsvm",
            Self::GeoTrans => "geotrans",
            Self::Ganomaly => "ganomaly",
            Self::Dsebm => "dsebm",
            Self::Adgan => "adgan",
        }
    }

    /// Whether it looks at small images instead of features.
    pub fn looks_at_pixels(self) -> bool {
        match self {
            Self::DifferNet | Self::OneNearestNeighbour | Self::OneClassSvm => false,
            Self::GeoTrans | Self::Ganomaly | Self::Dsebm | Self::Adgan => true,
        }
    }

    /// What its scores are measured in; `None` where they have no unit.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::DifferNet => Some("nats"),
            Self::OneNearestNeighbour => Some("standard deviations"),
            Self::OneClassSvm | Self::GeoTrans | Self::Ganomaly | Self::Dsebm | Self::Adgan => None,
        }
    }

    /// Whether a score can be below 0, where a geometric mean means nothing.
    pub(crate) fn has_negative_scores(self) -> bool {
        match self {
            Self::DifferNet | Self::OneNearestNeighbour | Self::Ganomaly | Self::Adgan => false,
            Self::OneClassSvm | Self::GeoTrans | Self::Dsebm => true,
        }
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_use_the_methods_names() {
        for method in Method::ALL {
            let text = serde_json::to_string(&method).expect("a name");
            assert_eq!(text, format!("{:?}", method.name()));
            assert_eq!(serde_json::from_str::<Method>(&text).expect("its own text"), method);
        }
    }
}
