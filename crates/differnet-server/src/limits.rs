//! Limits on the load that a server accepts.

use std::time::Duration;

use differnet_data::DecodeLimits;

use crate::error::ServerError;

/// Limits on one request, and on all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Images that wait to be scored; more are refused with 429. Also the most images in a request.
    pub queue: usize,
    /// Images that are scored together at most.
    pub batch: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of all bodies that are in memory at once.
    pub bodies_bytes: usize,
    /// Pixels of an image, width times height, as its header claims.
    pub pixels: u64,
    /// From a request's headers to its answer.
    pub deadline: Duration,
    /// From a request's headers to the end of its body.
    pub body_time: Duration,
    /// From a connection, or the request before, to the end of a request's headers.
    pub header_time: Duration,
}

impl Default for Limits {
    /// For cameras of up to 50 megapixels, in at most 512 MiB of waiting images.
    fn default() -> Self {
        Self {
            queue: 16,
            batch: 8,
            body_bytes: 32 << 20,
            bodies_bytes: 512 << 20,
            pixels: 50_000_000,
            deadline: Duration::from_secs(60),
            body_time: Duration::from_secs(20),
            header_time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Nothing, if something can be served within the limits.
    pub(crate) fn validate(&self) -> Result<(), ServerError> {
        let counts = [
            ("queue", self.queue == 0),
            ("batch", self.batch == 0),
            ("body_bytes", self.body_bytes == 0),
            ("pixels", self.pixels == 0),
            ("deadline", self.deadline.is_zero()),
            ("body_time", self.body_time.is_zero()),
            ("header_time", self.header_time.is_zero()),
        ];
        match counts.into_iter().find(|(_, zero)| *zero) {
            Some((name, _)) => Err(ServerError::Limit { name }),
            None if self.bodies_bytes < self.body_bytes => {
                Err(ServerError::Limit { name: "bodies_bytes, in bodies," })
            }
            None => Ok(()),
        }
    }

    /// Returns the limits for a decoder.
    pub(crate) fn decoding(&self) -> DecodeLimits {
        DecodeLimits { max_pixels: self.pixels, ..DecodeLimits::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_under_which_nothing_is_served_are_refused() {
        assert!(Limits::default().validate().is_ok());
        let none = Limits { queue: 0, ..Limits::default() };
        assert!(matches!(none.validate(), Err(ServerError::Limit { name: "queue" })));
        let cramped = Limits { bodies_bytes: 1, ..Limits::default() };
        assert!(cramped.validate().is_err());
    }
}
