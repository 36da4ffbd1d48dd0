//! Errors with their causes on one line, for lists and JSON.

use std::error::Error;

/// The message of `error` and of each of its causes.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_error::ImageError;

    #[test]
    fn each_cause_follows_what_it_caused() {
        let source = std::io::Error::other("the disk is gone");
        let error = ImageError::Io { path: "a.png".into(), source };
        assert_eq!(with_causes(&error), "cannot read a.png: the disk is gone");
        let alone = ImageError::Truncated { path: "a.png".into() };
        assert_eq!(with_causes(&alone), alone.to_string());
    }
}
