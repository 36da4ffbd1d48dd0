//! An iterator that works on a few items at a time.

use std::collections::VecDeque;

use crate::error::Error;

/// Pulls items in batches, works on each batch as a whole, and gives the results one by one, in order.
///
/// At most one batch is in memory. After an error of a whole batch it ends.
pub(crate) struct Batched<I: Iterator, T, W> {
    items: I,
    batch: usize,
    work: W,
    ready: VecDeque<T>,
    failed: bool,
}

impl<I: Iterator, T, W: FnMut(&[I::Item]) -> Result<Vec<T>, Error>> Batched<I, T, W> {
    /// Results of `work` on `batch` of `items` at a time.
    pub(crate) fn new(items: impl IntoIterator<IntoIter = I>, batch: usize, work: W) -> Self {
        let items = items.into_iter();
        Self { items, batch, work, ready: VecDeque::new(), failed: false }
    }
}

impl<I: Iterator, T, W: FnMut(&[I::Item]) -> Result<Vec<T>, Error>> Iterator for Batched<I, T, W> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && !self.failed {
            let batch: Vec<I::Item> = self.items.by_ref().take(self.batch).collect();
            if !batch.is_empty() {
                match (self.work)(&batch) {
                    Ok(results) => self.ready = results.into(),
                    Err(error) => {
                        self.failed = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_pulled_when_needed_and_an_error_ends_the_results() {
        let mut pulled = 0;
        let items = (0..7).inspect(|_| pulled += 1);
        let doubled = Batched::new(items, 3, |batch: &[i32]| {
            if batch.contains(&6) {
                return Err(Error::TooFewImages { found: 0, needed: 1 });
            }
            Ok(batch.iter().map(|item| 2 * item).collect())
        });
        let results: Vec<Option<i32>> = doubled.map(Result::ok).collect();
        assert_eq!(results, [Some(0), Some(2), Some(4), Some(6), Some(8), Some(10), None]);
        assert_eq!(pulled, 7);
        let mut first = Batched::new(0.., 3, |batch: &[i32]| Ok(batch.to_vec()));
        assert_eq!(first.next().and_then(Result::ok), Some(0));
        assert_eq!(first.items.next(), Some(3));
    }
}
