//! Errors with their causes on one line, for lists and JSON.

use std::error::Error;

/// The message of `error` and of each of its causes, but for those that the message before repeats.
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = on_one_line(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = on_one_line(&error.to_string());
        if !line.contains(&message) {
            line.push_str(": ");
            line.push_str(&message);
        }
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
    fn a_cause_that_was_told_is_not_told_again() {
        let inner = std::io::Error::other("the sum is wrong");
        let source = std::io::Error::other(ImageError::Io { path: "b.png".into(), source: inner });
        let error = ImageError::Io { path: "a.png".into(), source };
        assert_eq!(with_causes(&error), "cannot read a.png: cannot read b.png: the sum is wrong");
        let inner = std::io::Error::other("the disk is gone");
        let told = ImageError::Io { path: "the disk is gone".into(), source: inner };
        assert_eq!(with_causes(&told), "cannot read the disk is gone");
    }

    #[test]
    fn causes_of_several_lines_are_told_on_one() {
        let source = std::io::Error::other("no more bytes\n  at 12\n");
        let error = ImageError::Io { path: "a.png".into(), source };
        assert_eq!(with_causes(&error), "cannot read a.png: no more bytes; at 12");
    }
}
