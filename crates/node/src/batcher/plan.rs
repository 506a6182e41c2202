//! What goes into which batch, and what a key does at a head. Pure.

use super::MESSAGE_OVERHEAD;
use crate::store::Batch;
use soru_base::{Level, LevelSpan, PublicKeyHash};
use std::collections::BTreeMap;

/// After so many blocks no layer-1 takes an operation any more: the branch that it names is too old.
pub(super) const LIFETIME: LevelSpan = LevelSpan(1_000);

/// How much one batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capacity {
    /// Messages.
    pub(super) elements: usize,
    /// Bytes, those around each message included.
    pub(super) bytes: usize,
}

/// As many of the first messages as fit into one batch; at least one.
pub(super) fn fill<T>(waiting: impl IntoIterator<Item = (T, usize)>, capacity: Capacity) -> Vec<T> {
    let mut bytes = 0;
    let fits = |(i, (_, size)): &(usize, (T, usize))| {
        bytes += size + MESSAGE_OVERHEAD;
        *i == 0 || (bytes <= capacity.bytes && *i < capacity.elements)
    };
    waiting.into_iter().enumerate().take_while(fits).map(|(_, (message, _))| message).collect()
}

/// What a key sends next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// A batch of its own that is in no block.
    Again(u64),
    /// A new batch.
    New,
}

/// What each key sends next, as long as there is something: first what it has sent already.
pub(super) fn turns(
    keys: &[PublicKeyHash],
    flights: &[(u64, Batch)],
    any_wait: bool,
) -> BTreeMap<PublicKeyHash, Turn> {
    let turn = |key: &PublicKeyHash| match flights.iter().find(|(_, batch)| batch.source == *key) {
        Some((number, _)) => Some((*key, Turn::Again(*number))),
        None => any_wait.then_some((*key, Turn::New)),
    };
    keys.iter().filter_map(turn).collect()
}

/// The batches whose operations are all too old to be included.
pub(super) fn dead(flights: &[(u64, Batch)], head: Level) -> Vec<u64> {
    let is_dead = |batch: &Batch| batch.attempts.iter().all(|attempt| head.since(attempt.at) > LIFETIME);
    flights.iter().filter(|(_, batch)| is_dead(batch)).map(|(number, _)| *number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Attempt;
    use proptest::prelude::*;
    use soru_base::{BOOTSTRAP_ACCOUNTS, OperationHash};

    fn key(n: usize) -> PublicKeyHash {
        BOOTSTRAP_ACCOUNTS[n].pkh()
    }

    fn flight(source: PublicKeyHash, at: u32) -> Batch {
        let attempt = Attempt { operation: OperationHash::ZERO, index: 0, at: Level::new(at).unwrap() };
        Batch { source, messages: vec![], attempts: vec![attempt], sent: true, included: None }
    }

    proptest! {
        #[test]
        fn batches_keep_order_and_limits_and_lose_nothing(
            sizes in prop::collection::vec(0..600usize, 0..200), elements in 1..40usize, bytes in 700..3_000usize,
        ) {
            let capacity = Capacity { elements, bytes };
            let mut left: Vec<(usize, usize)> = sizes.iter().copied().enumerate().collect();
            let mut sent = Vec::new();
            while !left.is_empty() {
                let batch = fill(left.iter().copied(), capacity);
                let total: usize = batch.iter().map(|i| sizes[*i] + MESSAGE_OVERHEAD).sum();
                prop_assert!(!batch.is_empty() && batch.len() <= elements && total <= bytes);
                // One more would not have fitted.
                if let Some((_, next)) = left.get(batch.len()) {
                    prop_assert!(batch.len() == elements || total + next + MESSAGE_OVERHEAD > bytes);
                }
                left.drain(..batch.len());
                sent.extend(batch);
            }
            prop_assert_eq!(sent, (0..sizes.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_key_sends_again_what_it_has_sent_before_anything_new() {
        let flights = [(3, flight(key(1), 10)), (4, flight(key(1), 11)), (5, flight(key(4), 12))];
        let keys = [key(0), key(1)];
        let expected = BTreeMap::from([(key(0), Turn::New), (key(1), Turn::Again(3))]);
        assert_eq!(turns(&keys, &flights, true), expected);
        assert_eq!(turns(&keys, &flights, false), BTreeMap::from([(key(1), Turn::Again(3))]));
        assert!(turns(&keys, &[], false).is_empty());
    }

    #[test]
    fn a_batch_is_given_up_when_all_its_operations_are_too_old() {
        let mut young = flight(key(0), 1);
        young.attempts.push(Attempt { at: Level::new(500).unwrap(), ..young.attempts[0] });
        let flights = [(0, flight(key(0), 1)), (1, young)];
        assert!(dead(&flights, Level::new(1_001).unwrap()).is_empty());
        assert_eq!(dead(&flights, Level::new(1_002).unwrap()), [0]);
        assert_eq!(dead(&flights, Level::new(1_501).unwrap()), [0, 1]);
    }
}
