//! A list that knows which of its items are not in the journal yet.

use super::journal::ListChange;

/// A list of which only the end changes.
#[derive(Debug)]
pub(super) struct TrackedList<T> {
    items: Vec<T>,
    /// How many items at the start are as the journal has them.
    unchanged: usize,
    is_changed: bool,
}

impl<T> Default for TrackedList<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            unchanged: 0,
            is_changed: false,
        }
    }
}

impl<T: Clone + PartialEq> TrackedList<T> {
    /// Creates the list `items` where the journal has `journaled`.
    pub(super) fn restore(items: Vec<T>, journaled: &[T]) -> Self {
        let unchanged = items.iter().zip(journaled).take_while(|(a, b)| a == b).count();
        Self {
            is_changed: unchanged < items.len().max(journaled.len()),
            unchanged,
            items,
        }
    }

    pub(super) fn items(&self) -> &[T] {
        &self.items
    }

    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
        self.is_changed = true;
    }

    /// Returns the last item to be changed.
    pub(super) fn last_mut(&mut self) -> Option<&mut T> {
        self.unchanged = self.unchanged.min(self.items.len().saturating_sub(1));
        self.is_changed = true;
        self.items.last_mut()
    }

    pub(super) fn clear(&mut self) {
        self.is_changed |= !self.items.is_empty();
        self.items.clear();
        self.unchanged = 0;
    }

    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Returns what the journal does not have; `None` if it has everything.
    pub(super) fn take_change(&mut self) -> Option<ListChange<T>> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let from = self.unchanged;
        self.unchanged = self.items.len();
        Some(ListChange {
            from,
            items: self.items[from..].to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_since_the_last_time_is_returned() {
        let mut list = TrackedList::default();
        let change = |from, items: &[i32]| {
            Some(ListChange {
                from,
                items: items.to_vec(),
            })
        };

        list.push(1);
        list.push(2);
        assert_eq!(list.take_change(), change(0, &[1, 2]));
        assert_eq!(list.take_change(), None);
        *list.last_mut().unwrap() = 3;
        list.push(4);
        assert_eq!(list.take_change(), change(1, &[3, 4]));
        list.clear();
        assert_eq!(list.take_change(), change(0, &[]));
    }

    #[test]
    fn a_restored_list_differs_from_the_journal_where_the_file_was_cut() {
        let mut same = TrackedList::restore(vec![1, 2], &[1, 2]);
        let mut cut = TrackedList::restore(vec![1, 9], &[1, 2, 3]);

        assert_eq!(same.take_change(), None);
        assert_eq!(
            cut.take_change(),
            Some(ListChange {
                from: 1,
                items: vec![9]
            })
        );
    }
}
