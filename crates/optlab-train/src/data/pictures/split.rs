//! Splits pictures into a part to train on and a part for the final test.

use super::{Part, Pictures};
use crate::Error;
use crate::data::order::{shuffle, test_draw};

/// The indices of the pictures of each part, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureSplit {
    /// Pictures to train on.
    pub train: Vec<usize>,
    /// Pictures that only the finished model sees.
    pub test: Vec<usize>,
}

impl Pictures {
    /// Chooses the pictures for the final test: the folder's part `test` if it has one, else the share `test`
    /// of each class.
    ///
    /// Of a class with `n` pictures, `round(test · n)` are drawn, but at least 1 and at most `n − 1`; none
    /// if `n` is 1 or `test` is 0. In one class the choice does not depend on the other classes. It is the
    /// same in every trial without a `split`; each number `split` draws a choice of its own.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `test` is outside `[0, 1)`.
    pub fn split(&self, test: f64, split: Option<u64>) -> Result<PictureSplit, Error> {
        if !(0.0..1.0).contains(&test) {
            return Err(Error::invalid("pictures", "test", "in [0, 1)", test));
        }
        let mut is_test = vec![false; self.len()];
        for (tested, entry) in is_test.iter_mut().zip(&self.entries) {
            *tested = entry.part == Some(Part::Test);
        }
        if !self.has_parts() && test > 0.0 {
            for i in self.draw(test, split) {
                is_test[i] = true;
            }
        }
        let (test, train) = (0..self.len()).partition(|&i| is_test[i]);
        Ok(PictureSplit { train, test })
    }

    /// Returns whether the folder has the parts `train` and `test`, so that no choice is drawn.
    pub fn has_parts(&self) -> bool {
        self.entries.iter().any(|entry| entry.part.is_some())
    }

    /// Draws the share `test` of each class.
    fn draw(&self, test: f64, split: Option<u64>) -> Vec<usize> {
        let mut classes = vec![Vec::new(); self.classes.len()];
        for (i, entry) in self.entries.iter().enumerate() {
            classes[entry.class].push(i);
        }
        let mut drawn = Vec::new();
        for members in &mut classes {
            shuffle(members, &mut test_draw(split));
            let count = (test * members.len() as f64).round() as usize;
            let most = members.len().saturating_sub(1);
            drawn.extend_from_slice(&members[..count.max(1).min(most)]);
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pictures::Entry;

    /// Returns a list with that many pictures per class.
    fn pictures(counts: &[usize]) -> Pictures {
        let entries = counts.iter().enumerate().flat_map(|(class, &count)| {
            (0..count).map(move |i| Entry { path: format!("{class}/{i}.png").into(), class, part: None })
        });
        let classes = (0..counts.len()).map(|class| class.to_string()).collect();
        Pictures { folder: "folder".into(), classes, entries: entries.collect(), skipped: 0 }
    }

    /// Returns the number of tested pictures per class.
    fn tested(pictures: &Pictures, share: f64) -> Vec<usize> {
        let mut counts = vec![0; pictures.classes().len()];
        let labels: Vec<usize> = pictures.labels().collect();
        pictures.split(share, None).unwrap().test.iter().for_each(|&i| counts[labels[i]] += 1);
        counts
    }

    #[test]
    fn each_class_gives_its_share() {
        let pictures = pictures(&[10, 100, 3, 2, 1]);
        assert_eq!(tested(&pictures, 0.2), [2, 20, 1, 1, 0]);
        assert_eq!(tested(&pictures, 0.26), [3, 26, 1, 1, 0]);
        assert_eq!(tested(&pictures, 0.001), [1, 1, 1, 1, 0]);
        assert_eq!(tested(&pictures, 0.999), [9, 99, 2, 1, 0]);
        assert_eq!(tested(&pictures, 0.0), [0; 5]);
    }

    #[test]
    fn a_split_is_disjoint_complete_ascending_and_always_the_same() {
        let pictures = pictures(&[20, 30]);
        let split = pictures.split(0.3, None).unwrap();
        let mut all = [split.train.clone(), split.test.clone()].concat();
        assert!(split.train.is_sorted() && split.test.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert_eq!(split, pictures.split(0.3, None).unwrap());
        // Drawn, not the first or the last of a class.
        assert!(split.test[..6] != [0, 1, 2, 3, 4, 5] && split.test[..6] != [14, 15, 16, 17, 18, 19]);
    }

    #[test]
    fn each_split_number_draws_other_pictures_and_as_many_of_each_class() {
        let pictures = pictures(&[20, 30]);
        let of = |split| pictures.split(0.3, split).unwrap();
        let first = of(Some(0));
        assert!(first != of(Some(1)) && first != of(None));
        assert_eq!(first, of(Some(0)));
        for split in [first, of(Some(1))] {
            // The first 20 pictures are of one class.
            let of_first_class = split.test.iter().filter(|&&i| i < 20).count();
            assert_eq!((of_first_class, split.test.len()), (6, 15));
            let mut all = [split.train, split.test].concat();
            all.sort_unstable();
            assert_eq!(all, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_class_keeps_its_choice_when_another_class_grows() {
        let few = pictures(&[20, 5]).split(0.25, None).unwrap();
        let many = pictures(&[20, 50]).split(0.25, None).unwrap();
        assert_eq!(few.test[..5], many.test[..5]);
    }

    #[test]
    fn the_parts_of_a_folder_are_kept_whatever_the_share() {
        let mut pictures = pictures(&[3, 3]);
        for (i, entry) in pictures.entries.iter_mut().enumerate() {
            entry.part = Some(if i % 3 == 1 { Part::Test } else { Part::Train });
        }
        assert!(pictures.has_parts());
        for (share, split) in [(0.0, None), (0.9, None), (0.9, Some(3))] {
            let split = pictures.split(share, split).unwrap();
            assert_eq!((split.train, split.test), (vec![0, 2, 3, 5], vec![1, 4]));
        }
    }

    #[test]
    fn a_share_outside_its_range_is_refused() {
        let pictures = pictures(&[3, 3]);
        for (share, is_allowed) in [(0.0, true), (0.99, true), (-0.1, false), (1.0, false), (f64::NAN, false)]
        {
            let result = pictures.split(share, None);
            assert_eq!(result.is_ok(), is_allowed, "{share}");
            assert!(is_allowed || result.unwrap_err().to_string().contains("`test` must be in [0, 1)"));
        }
    }
}
