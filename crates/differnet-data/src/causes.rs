//! Errors with their causes on one line, for lists and JSON.

use std::error::Error;

/// The message of `error` and of each of its causes.
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = on_one_line(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&on_one_line(&error.to_string()));
        cause = error.source();
    }
    line
}

/// The lines of `text` as one: some decoders' messages have several.
fn on_one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
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

    #[test]
    fn causes_of_several_lines_are_told_on_one() {
        let source = std::io::Error::other("no more bytes\n  at 12\n");
        let error = ImageError::Io { path: "a.png".into(), source };
        assert_eq!(with_causes(&error), "cannot read a.png: no more bytes; at 12");
    }
}
