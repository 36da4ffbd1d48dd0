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
}

impl Method {
    /// All methods, DifferNet first.
    pub const ALL: [Self; 3] = [Self::DifferNet, Self::OneNearestNeighbour, Self::OneClassSvm];

    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DifferNet => "differnet",
            Self::OneNearestNeighbour => "1nn",
            Self::OneClassSvm => "ocsvm",
        }
    }

    /// What its scores are measured in; `None` where they have no unit.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::DifferNet => Some("nats"),
            Self::OneNearestNeighbour => Some("standard deviations"),
            Self::OneClassSvm => None,
        }
    }

    /// Whether a score can be below 0, where a geometric mean means nothing.
    pub(crate) fn has_negative_scores(self) -> bool {
        match self {
            Self::DifferNet | Self::OneNearestNeighbour => false,
            Self::OneClassSvm => true,
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
