//! One page of a list.

use crate::Cursor;

/// Items in order, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts `rows`, read one beyond `limit`, to a page. `key` gives the cursor of the last item kept.
    #[must_use]
    pub fn cut(mut rows: Vec<T>, limit: Limit, key: impl FnOnce(&T) -> Cursor) -> Self {
        let more = rows.len() > limit.as_usize();
        rows.truncate(limit.as_usize());
        let next = rows.last().filter(|_| more).map(key);
        Self { items: rows, next }
    }

    /// The same page with each item changed.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

/// How many items a page may hold: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The largest page.
    pub const MAX: u8 = 100;

    /// The limit of the largest page.
    pub const LARGEST: Self = Self(Self::MAX);

    /// A limit inside the bounds, or `None`.
    #[must_use]
    pub fn new(items: u8) -> Option<Self> {
        (1..=Self::MAX).contains(&items).then_some(Self(items))
    }

    /// As a length.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }

    /// One more than the page, which tells whether there is a next one.
    #[must_use]
    pub fn one_beyond(self) -> i64 {
        i64::from(self.0) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, Page};
    use crate::Cursor;

    #[test]
    fn a_page_names_a_next_one_only_when_a_row_lies_beyond_it() {
        let limit = Limit::new(2).unwrap();
        let full = Page::cut(vec![1, 2, 3], limit, Cursor::of);
        assert_eq!((full.items, full.next), (vec![1, 2], Some(Cursor::of(&2))));
        let last = Page::cut(vec![1, 2], limit, Cursor::of);
        assert_eq!(last.next, None);
    }

    #[test]
    fn limits_outside_one_to_a_hundred_do_not_exist() {
        assert_eq!(Limit::new(0), None);
        assert_eq!(Limit::new(101), None);
    }
}
