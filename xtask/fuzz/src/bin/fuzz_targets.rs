//! Target that libFuzzer runs, named by the environment. `cargo xtask fuzz` builds it, with coverage, and
//! starts it.

#![no_main]
#![allow(clippy::print_stderr, reason = "what is found is read from there")]

use std::cell::RefCell;
use std::env;
use std::path::Path;
use std::process::abort;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use xtask_fuzz::{FINDING, TARGET, TRACE, Target, Tested, Trace, repair};

/// The target, ready, and where it is noted what is tried.
struct Run {
    target: Target,
    tested: Tested,
    trace: Option<Trace>,
}

thread_local! {
    /// Begun before the first input; libFuzzer has one thread.
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

fuzz_target!(
    init: RUN.set(Some(Run::new().unwrap_or_else(|error| fail(&format!("{error:#}"))))),
    |input: &[u8]| {
        RUN.with_borrow_mut(|run| {
            if let Some(Err(message)) = run.as_mut().map(|run| run.receive(input)) {
                fail(&message);
            }
        });
    }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    // Wrong checksums, too, have to be refused.
    if !seed.is_multiple_of(4) {
        let target = RUN.with_borrow(|run| run.as_ref().map(|run| run.target));
        target.into_iter().for_each(|target| repair(target, &mut data[..size]));
    }
    size
});

impl Run {
    fn new() -> anyhow::Result<Self> {
        let target: Target = env::var(TARGET)?.parse()?;
        let tested = Tested::new(target)?;
        let trace = env::var_os(TRACE).map(|path| Trace::create(Path::new(&path))).transpose()?;
        Tested::quieten_panics();
        Ok(Self { target, tested, trace })
    }

    fn receive(&mut self, input: &[u8]) -> Result<(), String> {
        let told = |error: std::io::Error| format!("cannot write the trace: {error}");
        self.trace.as_mut().map_or(Ok(()), |trace| trace.begin(input)).map_err(told)?;
        let reception = self.tested.receive(input)?;
        self.trace.as_mut().map_or(Ok(()), |trace| trace.end(reception)).map_err(told)
    }
}

/// Ends the process, so that libFuzzer stores the input.
fn fail(message: &str) -> ! {
    eprintln!("{FINDING}{message}");
    abort()
}
