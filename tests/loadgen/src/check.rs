//! Whether what was read can be true: values say which write they come from.
//!
//! Each write of a key has a number, given when it begins. A read must not show a write that was replaced for sure
//! before the read began, nor one that has not begun. "Replaced for sure" is the careful part: the write that replaced
//! it began after it had ended, and was itself acknowledged. So whatever is accused is wrong, however many clients
//! write one key; some wrong answers among writes at the same time pass. The system tests have sharper judges.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::Found;

/// Locks, each for a part of the keys.
const SHARDS: u64 = 64;

/// What is known of all keys.
#[derive(Debug)]
pub struct Check {
    /// Told apart from values of earlier runs.
    run: String,
    shards: Vec<Mutex<Vec<State>>>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// The number of the last write that has begun.
    begun: u32,
    /// The oldest write that a read may still show.
    floor: u32,
    /// Writes without a definite answer, oldest first. One whose outcome stays unknown stays here.
    open: Vec<u32>,
    /// The last write that removes the key.
    removal: Option<u32>,
}

/// A write that is under way.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    key: u64,
    number: u32,
    floor: u32,
}

impl Check {
    /// For so many keys; keys that are inserted beyond them are not judged.
    #[must_use]
    pub fn new(keys: u64, run: String) -> Self {
        let size = usize::try_from(keys / SHARDS + 1).unwrap_or(usize::MAX);
        Self { run, shards: (0..SHARDS).map(|_| Mutex::new(vec![State::default(); size])).collect() }
    }

    fn state<T>(&self, key: u64, look: impl FnOnce(&mut State) -> T) -> Option<T> {
        let shard = &self.shards[usize::try_from(key % SHARDS).ok()?];
        let mut states: MutexGuard<'_, Vec<State>> = shard.lock().unwrap_or_else(PoisonError::into_inner);
        states.get_mut(usize::try_from(key / SHARDS).ok()?).map(look)
    }

    /// A write begins; `removes` where it leaves nothing.
    pub fn begin_write(&self, key: u64, removes: bool) -> Option<Begun> {
        self.state(key, |state| {
            state.begun += 1;
            let number = state.begun;
            let floor = state.open.first().copied().unwrap_or(number);
            state.open.push(number);
            if removes {
                state.removal = Some(number);
            }
            Begun { key, number, floor }
        })
    }

    /// It was acknowledged: what ended before it began cannot be seen any more.
    pub fn acknowledged(&self, write: Begun) {
        self.state(write.key, |state| {
            state.open.retain(|number| *number != write.number);
            state.floor = state.floor.max(write.floor);
        });
    }

    /// It was surely not carried out.
    pub fn refused(&self, write: Begun) {
        self.state(write.key, |state| state.open.retain(|number| *number != write.number));
    }

    /// A read begins: the oldest write that it may show.
    #[must_use]
    pub fn begin_read(&self, key: u64) -> Option<u32> {
        self.state(key, |state| state.floor)
    }

    /// Whether a read that began at `floor` may have found this.
    #[must_use]
    pub fn read(&self, key: u64, name: &str, floor: Option<u32>, found: &Found) -> bool {
        match found {
            Found::Nonsense => false,
            // A key that was never written may well be absent.
            Found::Nothing => {
                let fine = |state: &mut State| {
                    floor == Some(0) || state.removal.is_some_and(|removal| Some(removal) >= floor)
                };
                self.state(key, fine).unwrap_or(true)
            }
            Found::Value(value) => {
                let Some(said) = crate::values::signature(value) else { return floor == Some(0) };
                let mut parts = said.rsplitn(3, ':');
                let (run, number, of) = (parts.next(), parts.next(), parts.next());
                if run != Some(&*self.run) {
                    return floor.is_none_or(|floor| floor == 0);
                }
                let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) else { return false };
                let begun = self.state(key, |state| state.begun);
                of == Some(name)
                    && floor.is_none_or(|floor| number >= floor)
                    && begun.is_none_or(|begun| number <= begun)
            }
        }
    }

    /// What a value says of itself.
    #[must_use]
    pub fn signature(&self, name: &str, write: Option<Begun>) -> String {
        format!("{name}:{}:{}", write.map_or(0, |write| write.number), self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(check: &Check, floor: Option<u32>, number: u32) -> bool {
        check.read(0, "k", floor, &Found::Value(format!("k:{number}:run xyz").into_bytes()))
    }

    #[test]
    fn a_read_may_not_show_what_was_replaced_before_it_began_nor_what_was_never_written() {
        let check = Check::new(10, "run".to_owned());
        for _ in 0..2 {
            let write = check.begin_write(0, false).unwrap();
            check.acknowledged(write);
        }
        let floor = check.begin_read(0);
        assert!(shows(&check, floor, 2));
        assert!(!shows(&check, floor, 1), "replaced");
        assert!(!shows(&check, floor, 3), "never written");
        assert!(!check.read(0, "k", floor, &Found::Nothing), "lost");
        assert!(!check.read(0, "k", floor, &Found::Value(b"other:2:run xyz".to_vec())), "of another key");
        assert!(!check.read(0, "k", floor, &Found::Value(b"k:2:before xyz".to_vec())), "of an earlier run");
        assert!(!check.read(0, "k", floor, &Found::Nonsense));
    }

    #[test]
    fn writes_at_the_same_time_may_take_effect_in_either_order() {
        let check = Check::new(10, "run".to_owned());
        let (one, two) = (check.begin_write(0, false).unwrap(), check.begin_write(0, false).unwrap());
        check.acknowledged(two);
        check.acknowledged(one);
        let floor = check.begin_read(0);
        assert!(shows(&check, floor, 1) && shows(&check, floor, 2));
    }

    #[test]
    fn a_write_of_unknown_outcome_may_show_at_any_time_and_a_refused_one_never_matters() {
        let check = Check::new(10, "run".to_owned());
        let refused = check.begin_write(0, false).unwrap();
        check.refused(refused);
        let _unknown = check.begin_write(0, false).unwrap();
        let later = check.begin_write(0, false).unwrap();
        check.acknowledged(later);
        let floor = check.begin_read(0);
        assert!(shows(&check, floor, 2) && shows(&check, floor, 3));
        assert!(!shows(&check, floor, 1));
    }

    #[test]
    fn a_removed_key_is_absent_until_it_is_written_again() {
        let check = Check::new(10, "run".to_owned());
        assert!(check.read(0, "k", check.begin_read(0), &Found::Nothing), "never written");
        for removes in [false, true] {
            let write = check.begin_write(0, removes).unwrap();
            check.acknowledged(write);
        }
        assert!(check.read(0, "k", check.begin_read(0), &Found::Nothing));
        let again = check.begin_write(0, false).unwrap();
        check.acknowledged(again);
        assert!(!check.read(0, "k", check.begin_read(0), &Found::Nothing));
    }
}
