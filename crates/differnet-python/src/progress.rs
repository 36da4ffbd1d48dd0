//! Names of stages, as progress is told to Python.

use differnet::progress::Stage;

/// The stage's name.
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Checking => "checking images",
        Stage::Features => "features",
        Stage::Validation => "validation set",
        Stage::Training => "training",
        Stage::Places => "local statistics",
        Stage::Pixels => "reducing images",
        Stage::Statistics => "statistics",
        Stage::Solving => "solving",
        Stage::Fitting => "fitting",
        Stage::BatchStatistics => "batch statistics",
        Stage::Maps => "maps",
        _ => "working",
    }
}
