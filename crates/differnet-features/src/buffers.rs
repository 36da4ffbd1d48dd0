//! Memory of maps that one image after another uses: fresh memory costs more than the sums in it.

use std::sync::{Mutex, PoisonError};

/// Buffers that are kept: those of one image.
const MOST: usize = 16;

/// Memory of maps that nobody needs any more, for the next ones.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<f32>>>);

impl Buffers {
    /// `count` values without meaning.
    pub(crate) fn take(&self, count: usize) -> Vec<f32> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough, and not much larger: maps that are asked for leave with theirs.
        let fits = |at: &usize| (count..=2 * count).contains(&free[*at].capacity());
        let best = (0..free.len()).filter(fits).min_by_key(|&at| free[at].capacity());
        let buffer = best.map(|at| free.remove(at));
        drop(free);
        match buffer {
            Some(mut buffer) => {
                buffer.resize(count, 0.0);
                buffer
            }
            None => vec![0.0; count],
        }
    }

    /// Takes back what was taken; of too many buffers the oldest is let go.
    pub(crate) fn give(&self, buffer: Vec<f32>) {
        if buffer.capacity() == 0 {
            return;
        }
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() == MOST {
            free.remove(0);
        }
        free.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_where_it_fits() {
        let buffers = Buffers::default();
        let large = buffers.take(100);
        let at = large.as_ptr();
        buffers.give(large);
        // Much too large for 10 values, too small for 101.
        let others = [10, 101].map(|count| buffers.take(count));
        assert!(others.iter().all(|other| other.as_ptr() != at));
        let again = buffers.take(50);
        assert_eq!((again.as_ptr(), again.len()), (at, 50));
    }
}
