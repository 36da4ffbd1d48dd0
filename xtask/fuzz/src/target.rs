//! The targets by name, and an input handed to one with panics caught.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use anyhow::Context;
use serde::Serialize;

use crate::subject::{Reception, Subject};
use crate::{http, images, manifests, models};

thread_local! {
    /// Message of the last panic on this thread.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Something that takes input from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Image files.
    Images,
    /// Model files and checkpoints.
    Models,
    /// Manifests of data sets, regions, train lists and settings.
    Manifests,
    /// Requests to the server.
    Http,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 4] = [Self::Images, Self::Models, Self::Manifests, Self::Http];

    /// Name on the command line and of folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Models => "models",
            Self::Manifests => "manifests",
            Self::Http => "http",
        }
    }

    /// Longest input that is made, bytes: what grows without end tests memory and nothing else.
    pub fn longest(self) -> usize {
        match self {
            Self::Images | Self::Manifests => 4096,
            Self::Models | Self::Http => 16_384,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|target| target.name() == name);
        found.with_context(|| format!("no target is named {name}"))
    }
}

/// A target that is ready to take inputs.
pub struct Tested {
    subject: Box<dyn Subject>,
}

impl Tested {
    /// Makes what `target` needs.
    ///
    /// # Errors
    /// If it cannot be made, such as for want of room.
    pub fn new(target: Target) -> anyhow::Result<Self> {
        let subject: Box<dyn Subject> = match target {
            Target::Images => Box::new(images::Images::new()?),
            Target::Models => Box::new(models::Models::new()?),
            Target::Manifests => Box::new(manifests::Manifests::new()?),
            Target::Http => Box::new(http::Http::new()?),
        };
        Ok(Self { subject })
    }

    /// Lets panics be remembered instead of printed: readers may catch those of their libraries.
    pub fn quieten_panics() {
        std::panic::set_hook(Box::new(|info| {
            let message = info.payload_as_str().unwrap_or("without a message");
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            PANIC.set(format!("panic at {place}: {message}"));
        }));
    }

    /// Valid inputs, from which fuzzing starts.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        self.subject.seeds()
    }

    /// Hands `input` over. The subject is asked again after a panic: what it then holds is what a program
    /// would.
    ///
    /// # Errors
    /// What is wrong with the way it was received, a panic included, in words.
    pub fn receive(&mut self, input: &[u8]) -> Result<Reception, String> {
        catch_unwind(AssertUnwindSafe(|| self.subject.receive(input)))
            .unwrap_or_else(|_| Err(PANIC.take()))
    }
}
