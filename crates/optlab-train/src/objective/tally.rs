//! Sums over the batches of an evaluation, from which measures are computed.

use std::any::Any;
use std::collections::BTreeMap;

/// What an evaluation collects over its batches: sums, lists for measures that need every example, and a
/// state of any type for measures that are computed elsewhere.
///
/// A measure over unequal batches is right if it is computed from sums over examples, not as a mean of the
/// batches' means.
///
/// # Example
/// ```
/// use optlab_train::objective::Tally;
///
/// let mut tally = Tally::default();
/// tally.add("accuracy", &[7.0, 8.0]); // 7 of 8 right
/// tally.add("accuracy", &[1.0, 2.0]);
/// assert_eq!(tally.ratio("accuracy"), Some(0.8));
/// ```
#[derive(Debug, Default)]
pub struct Tally {
    sums: BTreeMap<String, Vec<f64>>,
    lists: BTreeMap<String, Vec<f32>>,
    state: Option<Box<dyn Any>>,
}

impl Tally {
    /// Adds `values` to the sums of that name, element by element; sums that do not exist yet are 0.
    pub fn add(&mut self, name: &str, values: &[f64]) {
        let sums = entry(&mut self.sums, name);
        if sums.len() < values.len() {
            sums.resize(values.len(), 0.0);
        }
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }

    /// Appends `values` to the list of that name.
    pub fn append(&mut self, name: &str, values: &[f32]) {
        entry(&mut self.lists, name).extend_from_slice(values);
    }

    /// Returns the sums of that name; empty if nothing was added.
    pub fn sums(&self, name: &str) -> &[f64] {
        self.sums.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the list of that name; empty if nothing was appended.
    pub fn list(&self, name: &str) -> &[f32] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the first sum of that name divided by the second; `None` if there are fewer than two.
    pub fn ratio(&self, name: &str) -> Option<f64> {
        match self.sums(name) {
            &[sum, count, ..] => Some(sum / count),
            _ => None,
        }
    }

    /// Returns the state of this evaluation to change it; `start` makes it for the first batch.
    ///
    /// An evaluation has one state, of one type.
    pub fn state<T: Any>(&mut self, start: impl FnOnce() -> T) -> &mut T {
        if !self.state.as_ref().is_some_and(|state| state.is::<T>()) {
            self.state = Some(Box::new(start()));
        }
        let state = self.state.as_mut().and_then(|state| state.downcast_mut());
        state.expect("it was just made, or is of this type")
    }

    /// Returns the state of this evaluation; `None` if there is none of this type.
    pub fn read_state<T: Any>(&self) -> Option<&T> {
        self.state.as_ref().and_then(|state| state.downcast_ref())
    }
}

/// Returns the values of that name, without a new string if there are some.
fn entry<'a, T>(map: &'a mut BTreeMap<String, Vec<T>>, name: &str) -> &'a mut Vec<T> {
    if !map.contains_key(name) {
        map.insert(name.to_string(), Vec::new());
    }
    map.get_mut(name).expect("it was just inserted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_unequal_batches_give_the_ratio_over_all_examples() {
        let mut tally = Tally::default();
        assert_eq!(tally.ratio("accuracy"), None);
        tally.add("accuracy", &[3.0, 4.0]);
        tally.add("accuracy", &[0.0, 1.0]);
        tally.add("rmse", &[9.0]);
        assert_eq!((tally.ratio("accuracy"), tally.ratio("rmse")), (Some(0.6), None));
        tally.add("rmse", &[1.0, 2.0, 5.0]);
        assert_eq!(tally.sums("rmse"), [10.0, 2.0, 5.0]);
    }

    #[test]
    fn a_state_is_made_once_and_read_by_its_type() {
        let mut tally = Tally::default();
        assert_eq!(tally.read_state::<Vec<u8>>(), None);
        for number in 1..=3 {
            tally.state(|| vec![0_u8]).push(number);
        }
        assert_eq!(tally.read_state::<Vec<u8>>(), Some(&vec![0, 1, 2, 3]));
        assert_eq!(tally.read_state::<u8>(), None);
    }

    #[test]
    fn lists_keep_the_order_of_the_batches() {
        let mut tally = Tally::default();
        tally.append("scores", &[0.5, 0.25]);
        tally.append("scores", &[1.0]);
        assert_eq!(tally.list("scores"), [0.5, 0.25, 1.0]);
        assert!(tally.list("other").is_empty());
    }
}
