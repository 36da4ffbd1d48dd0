//! Order of training batches: rows shuffled anew every epoch, from a seed.

use crate::stream::RandomStream;

/// Purpose of the streams; all trainings share it.
const PURPOSE: &[u8; 16] = b"flow epoch      ";

/// Rows of each update: a pure function of seed, row count, batch size and update.
///
/// An epoch visits every row once. It is cut into as few batches as fit, of sizes that differ by at
/// most one, so that no small last batch gets an update of the same weight as a full one.
/// A resumed run that asks for the same updates sees the same batches.
#[derive(Debug, Clone)]
pub struct BatchOrder {
    seed: u64,
    rows: usize,
    batches: usize,
    /// The epoch shuffled last, and its order.
    current: (u64, Vec<usize>),
}

impl BatchOrder {
    /// The order for `rows` rows in batches of at most `batch_size`.
    ///
    /// # Panics
    /// If `rows` or `batch_size` is 0.
    pub fn new(seed: u64, rows: usize, batch_size: usize) -> Self {
        assert!(rows > 0 && batch_size > 0, "batches of {batch_size} of {rows} rows");
        let current = (0, shuffled(seed, rows, 0));
        Self { seed, rows, batches: rows.div_ceil(batch_size), current }
    }

    /// Number of updates in an epoch.
    pub fn batches_per_epoch(&self) -> usize {
        self.batches
    }

    /// The rows of update `update`, counted from 0. Asking in order costs one shuffle an epoch.
    pub fn batch(&mut self, update: u64) -> &[usize] {
        let batches = self.batches as u64;
        let (epoch, batch) = (update / batches, (update % batches) as usize);
        if self.current.0 != epoch {
            self.current = (epoch, shuffled(self.seed, self.rows, epoch));
        }
        // Larger batches first: `rows % batches` of them have one row more.
        let (size, larger) = (self.rows / self.batches, self.rows % self.batches);
        let start = batch * size + batch.min(larger);
        let end = start + size + usize::from(batch < larger);
        &self.current.1[start..end]
    }
}

fn shuffled(seed: u64, rows: usize, epoch: u64) -> Vec<usize> {
    RandomStream::indexed(seed, PURPOSE, epoch).permutation(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_visits_every_row_once_in_batches_of_nearly_equal_size() {
        for (rows, batch_size, sizes) in
            [(10, 4, vec![4, 3, 3]), (8, 4, vec![4, 4]), (3, 96, vec![3]), (97, 96, vec![49, 48])]
        {
            let mut order = BatchOrder::new(5, rows, batch_size);
            assert_eq!(order.batches_per_epoch(), sizes.len());
            for epoch in 0..3 {
                let first = epoch * sizes.len() as u64;
                let batches: Vec<Vec<usize>> =
                    (0..sizes.len() as u64).map(|b| order.batch(first + b).to_vec()).collect();
                assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
                let mut visited = batches.concat();
                visited.sort_unstable();
                assert_eq!(visited, (0..rows).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_batch_does_not_depend_on_the_batches_asked_for_before() {
        let mut in_order = BatchOrder::new(5, 50, 8);
        let all: Vec<Vec<usize>> = (0..30).map(|update| in_order.batch(update).to_vec()).collect();
        let mut resumed = BatchOrder::new(5, 50, 8);
        assert_eq!(resumed.batch(23), all[23]);
        assert_eq!(resumed.batch(4), all[4]);
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let mut order = BatchOrder::new(5, 50, 50);
        let first = order.batch(0).to_vec();
        assert_ne!(first, order.batch(1));
        assert_ne!(first, BatchOrder::new(6, 50, 50).batch(0));
    }

    #[test]
    fn orders_stay_as_they_are() {
        // Trained weights that are published hang on them.
        assert_eq!(BatchOrder::new(5, 10, 10).batch(3), [8, 3, 9, 7, 1, 4, 0, 6, 2, 5]);
    }
}
