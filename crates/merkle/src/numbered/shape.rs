//! The trie of a directory whose names are numbers, without its hashes.

use crate::error::LoadError;
use crate::hashing::NameBits;
use crate::inode::MAX_ENTRIES;
use soru_base::blake2b;

/// So many bits of the hashed names are kept: more levels than three numbers of 32 bits have in common.
const BITS: u32 = u64::BITS;
/// So many names are hashed together.
const NAMES_AT_ONCE: usize = 64;
const NOWHERE: u32 = u32::MAX;

/// A number in the order of the trie: by the first bits of its hashed name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    bits: u64,
    pub(super) number: u32,
}

/// A level of the trie below a place in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// The entries below it, by their places.
    pub(super) start: u32,
    pub(super) end: u32,
    /// For those with a zero bit, for those with a one. None of either if the trie ends here.
    pub(super) children: [Option<u32>; 2],
    pub(super) parent: u32,
}

impl Node {
    fn of(start: usize, end: usize, parent: u32) -> Self {
        Self { start: start as u32, end: end as u32, children: [None, None], parent }
    }

    pub(super) fn count(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it has entries and no levels below.
    pub(super) fn is_end(&self) -> bool {
        self.count() <= MAX_ENTRIES
    }
}

/// Which numbers there are, and what the trie of their names looks like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// In the order of the trie: what is first is at place 0.
    pub(super) keys: Vec<Key>,
    /// By number.
    places: Vec<u32>,
    /// By place: the node that has the entry.
    holders: Vec<u32>,
    /// From the top down, level by level. The first one is there even if there are no numbers.
    pub(super) nodes: Vec<Node>,
    /// The first node of each level.
    pub(super) levels: Vec<usize>,
}

impl Key {
    /// The keys of numbers, in the order of the trie.
    pub(super) fn sorted(numbers: &[u32]) -> Vec<Self> {
        let mut keys = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(NAMES_AT_ONCE) {
            let names: Vec<Decimal> = numbers.iter().copied().map(Decimal::of).collect();
            let hashes = blake2b::hash32_many(names.iter().map(Decimal::as_bytes));
            let bits = hashes.into_iter().map(|hash| NameBits::of_hash(hash).first());
            keys.extend(numbers.iter().zip(bits).map(|(number, bits)| Self { bits, number: *number }));
        }
        keys.sort_unstable();
        keys
    }

    fn has_one(&self, depth: usize) -> bool {
        self.bits << depth >> (BITS - 1) == 1
    }
}

impl Shape {
    /// The trie of keys that are in its order.
    pub(super) fn of(keys: Vec<Key>) -> Result<Self, LoadError> {
        let mut nodes = vec![Node::of(0, keys.len(), NOWHERE)];
        let mut levels = vec![0];
        let mut holders = vec![0; keys.len()];
        for depth in 0.. {
            let level = levels[depth]..nodes.len();
            for index in level.clone() {
                let Node { start, end, .. } = nodes[index];
                let (start, end) = (start as usize, end as usize);
                if nodes[index].is_end() {
                    holders[start..end].fill(index as u32);
                    continue;
                }
                if depth >= BITS as usize {
                    return Err(LoadError::Malformed(
                        "numbers whose names have hashes that are too much alike",
                    ));
                }
                let ones = start + keys[start..end].partition_point(|key| !key.has_one(depth));
                for (bit, (start, end)) in [(start, ones), (ones, end)].into_iter().enumerate() {
                    if start < end {
                        nodes[index].children[bit] = Some(nodes.len() as u32);
                        nodes.push(Node::of(start, end, index as u32));
                    }
                }
            }
            if nodes.len() == level.end {
                break;
            }
            levels.push(level.end);
        }
        let numbers = keys.iter().map(|key| key.number as usize + 1).max().unwrap_or(0);
        let mut places = vec![NOWHERE; numbers];
        for (place, key) in (0..).zip(&keys) {
            places[key.number as usize] = place;
        }
        Ok(Self { keys, places, holders, nodes, levels })
    }

    /// Where a number is, if it is there.
    pub(super) fn place(&self, number: u32) -> Option<usize> {
        let place = self.places.get(number as usize)?;
        (*place != NOWHERE).then_some(*place as usize)
    }

    /// The node that has the entry at a place.
    pub(super) fn holder(&self, place: usize) -> usize {
        self.holders[place] as usize
    }

    /// The places of the entries of an end of the trie and their names, in the order of these.
    pub(super) fn entries(&self, node: &Node) -> impl Iterator<Item = (usize, Decimal)> {
        let entry = |place: u32| {
            let place = (place < node.end).then_some(place as usize)?;
            Some((place, Decimal::of(self.keys[place].number)))
        };
        let mut entries = [entry(node.start), entry(node.start + 1)];
        if let [Some((_, one)), Some((_, other))] = &entries
            && one.as_bytes() > other.as_bytes()
        {
            entries.reverse();
        }
        entries.into_iter().flatten()
    }
}

/// A number in decimal.
pub(super) struct Decimal {
    digits: [u8; Self::DIGITS],
    start: usize,
}

impl Decimal {
    /// Of the largest number.
    const DIGITS: usize = 10;

    fn of(mut number: u32) -> Self {
        let (mut digits, mut start) = ([0; Self::DIGITS], Self::DIGITS);
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { digits, start };
            }
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_decimal() {
        for number in [0, 9, 10, 204_799, 1_000_000_000, u32::MAX] {
            assert_eq!(Decimal::of(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
