//! Memory that one update after another uses: fresh memory costs a page fault every few kilobytes.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Memory in which no value is needed any more.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<f32>>>);

/// Some values; their memory returns to where it was taken from.
pub(super) struct Buffer<'a> {
    /// At least `length` of them: cutting memory short would mean to fill it again later.
    values: Vec<f32>,
    length: usize,
    origin: &'a Buffers,
}

impl Buffers {
    /// `length` values, whatever they were before.
    pub(super) fn take(&self, length: usize) -> Buffer<'_> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = free.iter().enumerate().filter(|(_, values)| values.len() >= length);
        let smallest = fitting.min_by_key(|(_, values)| values.len()).map(|(at, _)| at);
        let values = smallest.map(|at| free.swap_remove(at));
        drop(free);
        let values = values.unwrap_or_else(|| vec![0.0; length]);
        Buffer { values, length, origin: self }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.origin.0.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

impl Deref for Buffer<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.length]
    }
}

impl DerefMut for Buffer<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_where_it_is_large_enough() {
        let buffers = Buffers::default();
        let (large, small) = (buffers.take(100), buffers.take(10));
        let (at_large, at_small) = (large.as_ptr(), small.as_ptr());
        drop(large);
        drop(small);
        assert_eq!(buffers.take(10).as_ptr(), at_small);
        assert_eq!(buffers.take(11).as_ptr(), at_large);
        let one = buffers.take(5);
        let other = buffers.take(5);
        assert_ne!(one.as_ptr(), other.as_ptr());
        assert_eq!((one.len(), other.len()), (5, 5));
    }
}
