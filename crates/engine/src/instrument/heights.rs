//! Functions that count no calls.
//!
//! A function that calls others of the kernel directly only, none of which leads back to it, goes so many functions deep and no
//! deeper. If nothing else can call it than a call, it needs not be told how many functions may be entered: who calls it looks
//! whether there are as many. That may be too early, for the way to the deepest of them may not be taken: then the run ends in a trap,
//! and is made again.

use crate::survey::{Calls, functions};
use std::collections::BTreeSet;

/// A function that goes deeper counts.
const HIGHEST: u32 = 16;

/// How deep the functions of a kernel go.
#[derive(Debug, Default)]
pub(super) struct Heights {
    /// Functions in the longest chain of calls, of those that count none.
    flat: Vec<Option<u32>>,
    /// How many functions that count no calls each function needs at most.
    needed: Vec<u32>,
}

impl Heights {
    /// Of a kernel in which these functions are referred to.
    pub(super) fn of(bytes: &[u8], imported: usize, referred: &BTreeSet<u32>) -> Option<Self> {
        let calls = functions(bytes)?;
        let own = |function: &u32| (*function as usize).checked_sub(imported);
        let mut flat: Vec<Option<u32>> = vec![None; calls.len()];
        for height in 1..=HIGHEST {
            let is_next = |(place, calls): (usize, &Calls)| {
                let is_known = |callee: usize| flat.get(callee).is_some_and(|known| known.is_some());
                let next = flat[place].is_none()
                    && !calls.indirect
                    && !referred.contains(&((imported + place) as u32))
                    && calls.direct.iter().filter_map(own).all(is_known);
                next.then_some(place)
            };
            let next: Vec<_> = calls.iter().enumerate().filter_map(is_next).collect();
            if next.is_empty() {
                break;
            }
            next.into_iter().for_each(|place| flat[place] = Some(height));
        }
        let highest = |calls: &Calls| {
            let heights = calls.direct.iter().filter_map(own).filter_map(|callee| *flat.get(callee)?);
            heights.max().unwrap_or_default()
        };
        let needed = calls.iter().map(highest).collect();
        Some(Self { flat, needed })
    }

    /// Whether a function of the kernel's own counts no calls.
    pub(super) fn is_flat(&self, place: usize) -> bool {
        self.flat.get(place).is_some_and(Option::is_some)
    }

    /// So many functions besides itself have to be left where one begins.
    pub(super) fn needed(&self, place: usize) -> u32 {
        self.needed.get(place).copied().unwrap_or_default()
    }
}
