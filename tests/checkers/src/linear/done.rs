//! A set of operations that is nearly a prefix: everything up to some point, and a few beyond it.

/// The operations that have been put in order. Equal sets have equal representations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Done {
    /// So many times 64 operations are all done.
    full: usize,
    /// One bit for each operation after those; the first word is never full, the last never empty.
    beyond: Vec<u64>,
}

impl Done {
    pub(super) fn contains(&self, operation: usize) -> bool {
        let word = operation / 64;
        word < self.full
            || self.beyond.get(word - self.full).is_some_and(|bits| bits >> (operation % 64) & 1 == 1)
    }

    pub(super) fn insert(&mut self, operation: usize) {
        let word = operation / 64;
        if word < self.full {
            return;
        }
        let at = word - self.full;
        if self.beyond.len() <= at {
            self.beyond.resize(at + 1, 0);
        }
        self.beyond[at] |= 1 << (operation % 64);
        let filled = self.beyond.iter().take_while(|bits| **bits == u64::MAX).count();
        self.beyond.drain(..filled);
        self.full += filled;
    }

    /// The first that is not in it.
    pub(super) fn first_missing(&self) -> usize {
        self.full * 64 + self.beyond.first().map_or(0, |bits| bits.trailing_ones() as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.full * 64 + self.beyond.iter().map(|bits| bits.count_ones() as usize).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_the_same_in_whatever_order_it_came_about() {
        let (mut up, mut down) = (Done::default(), Done::default());
        (0..200).for_each(|it| up.insert(it));
        (0..200).rev().for_each(|it| down.insert(it));
        assert_eq!(up, down);
        assert_eq!((up.first_missing(), up.len()), (200, 200));
        up.insert(300);
        assert_eq!((up.first_missing(), up.len()), (200, 201));
        assert!(up.contains(300) && up.contains(0) && !up.contains(200) && !up.contains(100_000));
    }
}
