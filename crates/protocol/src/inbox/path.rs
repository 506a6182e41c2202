//! Paths through a skip list: from a cell to an older one, each hop by the pointer that leads closest to the goal.

use super::skip_list::{BASIS, Cell};
use thiserror::Error;

/// More cells than a path can have: three hops for each of the 32 digits of an index, and its ends.
pub(super) const MAX_CELLS: usize = 128;

/// Cells that are no path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// No cell at all.
    #[error("a path without cells")]
    Empty,
    /// A cell has not the pointers that its index asks for.
    #[error("a cell claims the index {index}, but its {pointers} back pointers are not those of it")]
    Pointers {
        /// The index it claims.
        index: u64,
        /// Pointers it has.
        pointers: usize,
    },
    /// A cell is followed by another one than the best pointer leads to.
    #[error("the cell {from} is followed by {found}, where the way to {goal} is by another one")]
    Hop {
        /// Index of the cell.
        from: u64,
        /// Index that the next cell claims.
        found: u64,
        /// Index of the goal.
        goal: u64,
    },
    /// The goal is not older than the start.
    #[error("no path leads from the cell {from} to {goal}")]
    NoWay {
        /// Index of the start.
        from: u64,
        /// Index of the goal.
        goal: u64,
    },
}

/// Where the pointers of the cell at `index` lead, nearest first.
pub(super) fn pointed(index: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1u64), |block| block.checked_mul(BASIS))
        .take_while(move |block| *block <= index)
        .map(move |block| index - index % block - 1)
}

/// The pointer of the cell at `index` that leads closest to `goal` and not past it, and the index it leads to.
fn hop(index: u64, goal: u64) -> Option<(usize, u64)> {
    pointed(index).enumerate().take_while(|(_, to)| *to >= goal).last()
}

/// Fails unless the cell has as many pointers as its index asks for, and two of them are one where they lead to one cell.
fn check_pointers<C, P: Eq>(cell: &Cell<C, P>) -> Result<(), PathError> {
    let pointers = &cell.back_pointers;
    let places: Vec<u64> = pointed(cell.index).collect();
    let same = |(places, pointers): (&[u64], &[P])| (places[0] == places[1]) == (pointers[0] == pointers[1]);
    if places.len() == pointers.len() && places.windows(2).zip(pointers.windows(2)).all(same) {
        return Ok(());
    }
    Err(PathError::Pointers { index: cell.index, pointers: pointers.len() })
}

/// The cells from `start` to the one with the index `goal`, both included. `cell_at` is asked for the others: it gets an
/// index and the hash that leads there, and has to find the cell of that hash.
pub(super) fn walk<C, P: Copy + Eq, E: From<PathError>>(
    start: Cell<C, P>,
    goal: u64,
    mut cell_at: impl FnMut(u64, P) -> Result<Cell<C, P>, E>,
) -> Result<Vec<Cell<C, P>>, E> {
    let from = start.index;
    if from < goal {
        return Err(PathError::NoWay { from, goal }.into());
    }
    let mut path = Vec::new();
    let mut cell = start;
    loop {
        check_pointers(&cell)?;
        if cell.index == goal {
            path.push(cell);
            return Ok(path);
        }
        let (pointer, index) = hop(cell.index, goal).ok_or(PathError::NoWay { from, goal })?;
        let next = cell_at(index, cell.back_pointers[pointer])?;
        if next.index != index {
            return Err(PathError::Hop { from: cell.index, found: next.index, goal }.into());
        }
        path.push(std::mem::replace(&mut cell, next));
    }
}

/// The first cell of a path, and its last.
type Ends<'a, C, P> = (&'a Cell<C, P>, &'a Cell<C, P>);

/// Checks that the cells are the path from the first one to the last one, as [`walk`] makes it; gives both.
///
/// What is checked against hashes are contents and pointers. An index is in no hash: those of the others follow from the
/// first one's, so that one has to be known from elsewhere.
pub(super) fn check<C, P: Copy + Eq>(
    path: &[Cell<C, P>],
    hash: impl Fn(&Cell<C, P>) -> P,
) -> Result<Ends<'_, C, P>, PathError> {
    let (Some(first), Some(last)) = (path.first(), path.last()) else { return Err(PathError::Empty) };
    path.iter().try_for_each(check_pointers)?;
    for pair in path.windows(2) {
        let (cell, next) = (&pair[0], &pair[1]);
        let wrong = PathError::Hop { from: cell.index, found: next.index, goal: last.index };
        let Some((pointer, index)) = hop(cell.index, last.index) else { return Err(wrong) };
        if next.index != index || cell.back_pointers[pointer] != hash(next) {
            return Err(wrong);
        }
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cells of a path, where every hash is an index.
    fn path(from: u64, goal: u64) -> Vec<Cell<(), u64>> {
        let cell = |index| Cell { index, content: (), back_pointers: pointed(index).collect() };
        walk(cell(from), goal, |index, pointer| {
            assert_eq!(index, pointer);
            Ok::<_, PathError>(cell(index))
        })
        .unwrap()
    }

    fn index() -> impl Strategy<Value = u64> {
        prop_oneof![0..5_000u64, any::<u64>(), Just(u64::MAX), (0..64u32).prop_map(|i| u64::MAX >> i)]
    }

    proptest! {
        #[test]
        fn a_way_leads_from_any_cell_to_any_older_one(one in index(), other in index()) {
            let (from, goal) = (one.max(other), one.min(other));
            let path = path(from, goal);
            prop_assert!(path.len() <= MAX_CELLS, "{} cells", path.len());
            let (first, last) = check(&path, |cell| cell.index).unwrap();
            prop_assert_eq!((first.index, last.index), (from, goal));
            // No cell can be left out.
            for at in 1..path.len().saturating_sub(1) {
                let mut short = path.clone();
                short.remove(at);
                prop_assert!(check(&short, |cell| cell.index).is_err());
            }
        }
    }

    #[test]
    fn there_is_no_way_to_younger_cells() {
        let cell = Cell { index: 3, content: (), back_pointers: vec![2u64] };
        let error = walk(cell, 4, |_, _| Err(PathError::Empty)).unwrap_err();
        assert_eq!(error, PathError::NoWay { from: 3, goal: 4 });
    }

    #[test]
    fn the_longest_paths_stay_below_the_limit() {
        let longest = path(u64::MAX, 0).len().max(path(u64::MAX - 1, 0).len());
        assert!((64..MAX_CELLS).contains(&longest), "{longest}");
    }
}
