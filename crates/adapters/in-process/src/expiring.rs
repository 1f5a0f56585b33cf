//! A bounded map whose entries end.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use chancery_guards::GuardKey;

/// A good number of entries for a node that serves alone: full of long keys it takes about 50 MB.
pub const DEFAULT_CAPACITY: usize = 100_000;

/// Values with the moment (monotonic) of their end. What has ended stays until it is swept.
pub(crate) struct Expiring<V> {
    entries: HashMap<GuardKey, Entry<V>>,
    /// The same keys, the first to end first.
    order: BTreeSet<(Duration, GuardKey)>,
    capacity: usize,
}

struct Entry<V> {
    ends: Duration,
    value: V,
}

impl<V> Expiring<V> {
    /// Room for `capacity` entries, at least one.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeSet::new(),
            capacity: capacity.max(1),
        }
    }

    /// Forgets what ended by `now`, in order, up to the first entry that `may_go` holds back.
    pub(crate) fn sweep(&mut self, now: Duration, may_go: impl Fn(&V) -> bool) {
        while let Some((ends, key)) = self.order.first() {
            let goes = *ends <= now && self.entries.get(key).is_none_or(|entry| may_go(&entry.value));
            if !goes {
                return;
            }
            self.forget_first();
        }
    }

    pub(crate) fn find(&self, key: &GuardKey) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(crate) fn find_mut(&mut self, key: &GuardKey) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Whether a new key needs room that is not there.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.capacity
    }

    /// Puts a value in the place of the key's former one; for a new key, the first to end makes room.
    pub(crate) fn put(&mut self, key: &GuardKey, ends: Duration, value: V) {
        self.remove(key);
        if self.is_full() {
            self.forget_first();
        }
        self.order.insert((ends, key.clone()));
        self.entries.insert(key.clone(), Entry { ends, value });
    }

    pub(crate) fn remove(&mut self, key: &GuardKey) {
        if let Some((key, entry)) = self.entries.remove_entry(key) {
            self.order.remove(&(entry.ends, key));
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.order.pop_first() {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_guards::GuardKey;

    use super::Expiring;

    fn key(name: &str) -> GuardKey {
        GuardKey::without_tenant("test", &[name])
    }

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn what_ended_is_swept_and_the_rest_stays() {
        let mut map = Expiring::with_capacity(10);
        for n in [3, 1, 2] {
            map.put(&key(&n.to_string()), second(n), n);
        }
        map.sweep(second(2), |_| true);
        assert_eq!((map.find(&key("2")), map.find(&key("3"))), (None, Some(&3)));
        assert_eq!((map.entries.len(), map.order.len()), (1, 1));
    }

    #[test]
    fn what_may_not_go_is_held_back() {
        let mut map = Expiring::with_capacity(10);
        map.put(&key("a"), second(1), false);
        map.sweep(second(5), |may_go| *may_go);
        assert!(map.find(&key("a")).is_some());
    }

    #[test]
    fn a_full_map_forgets_the_first_to_end_for_a_new_key_only() {
        let mut map = Expiring::with_capacity(2);
        map.put(&key("late"), second(9), 0);
        map.put(&key("soon"), second(1), 0);
        map.put(&key("late"), second(8), 1);
        assert!(map.find(&key("soon")).is_some(), "the key had its place already");
        map.put(&key("new"), second(5), 2);
        assert!(map.find(&key("soon")).is_none());
        assert_eq!(map.find(&key("late")), Some(&1));
        assert_eq!((map.entries.len(), map.order.len()), (2, 2));
    }
}
