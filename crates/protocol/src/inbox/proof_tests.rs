use super::*;
use crate::inbox::skip_list::Cell;
use crate::inbox::{InboxMessage, LevelInbox, ProtocolMessages};
use proptest::prelude::*;
use soru_base::MerkelizedPayloadHash;
use soru_base::blake2b::hash32;
use std::sync::LazyLock;

/// The inboxes of a chain, from the genesis on.
struct Chain(Vec<LevelInbox>);

impl Chain {
    fn of(messages: impl IntoIterator<Item = Vec<SerializedMessage>>) -> Self {
        let none = ProtocolMessages::default();
        let mut all = vec![LevelInbox::genesis(Level::GENESIS, &none)];
        for messages in messages {
            let before = &all[all.len() - 1].inbox;
            all.push(LevelInbox::build(before, &none, &messages).unwrap());
        }
        Self(all)
    }

    /// Level i has the messages [i], [i, i], … of length 0 to i − 1.
    fn growing(len: u32) -> Self {
        let message = |i: u32, j: u32| InboxMessage::External(vec![i as u8; j as usize]).serialize().unwrap();
        Self::of((1..len).map(|i| (0..i).map(|j| message(i, j)).collect()))
    }

    fn snapshot(&self, level: u32) -> &HistoryCell {
        &self.0[level as usize].inbox.old_levels_messages
    }

    /// What comes first at or after a place, found by looking.
    fn expected(&self, snapshot: u32, level: u32, counter: u64) -> Option<ProvedMessage> {
        let (level, counter) = match self.0[level as usize].messages.get(counter as usize) {
            Some(_) => (level, counter),
            None => (level + 1, 0),
        };
        let message = self.0[level as usize].messages[counter as usize].clone();
        (level <= snapshot).then(|| ProvedMessage { level: at(level), counter, message })
    }

    fn produce(&self, snapshot: u32, level: u32, counter: u64) -> InboxProof {
        InboxProof::produce(self, self.snapshot(snapshot), at(level), counter).unwrap().0
    }
}

impl InboxSource for Chain {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        let found = self.0.get(level.get() as usize).map(|l| l.inbox.old_levels_messages.clone());
        found.ok_or_else(|| not_kept("cell", level))
    }

    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        self.0
            .get(level.get() as usize)
            .map(|l| l.messages.clone())
            .ok_or_else(|| not_kept("messages", level))
    }
}

fn not_kept(what: &'static str, level: Level) -> NotKeptError {
    NotKeptError { what, level, reason: "not there".to_owned() }
}

fn at(level: u32) -> Level {
    Level::new(level).unwrap()
}

static SHORT: LazyLock<Chain> = LazyLock::new(|| Chain::growing(70));

/// 1,300 levels; most have few messages, each 97th has some hundreds.
static LONG: LazyLock<Chain> = LazyLock::new(|| {
    let messages = |i: u32| if i.is_multiple_of(97) { 100 + i } else { i % 5 };
    let message = |i: u32, j: u32| {
        InboxMessage::External([i.to_be_bytes(), j.to_be_bytes()].concat()).serialize().unwrap()
    };
    Chain::of((1..1_300).map(|i| (0..messages(i)).map(|j| message(i, j)).collect()))
});

#[test]
fn proofs_have_the_bytes_of_a_second_computation() {
    // Computed apart from this code, from the definition of the encoding, with another program and another hash library.
    for (snapshot, level, counter, len, hash) in [
        (20, 7, 4, 974, "f076694d43f42f0fd96cd5f5f4573b717720d4fbb49caa4af2db041953d54840"),
        (69, 33, 20, 2_092, "7d1595efd1b09b8eb9ba2138e0b21e548af16ac9186087f9f7c2c945447c08d5"),
        (69, 40, 42, 1_133, "8d185c87053f2ad283ded33dd61705ade4055809e4d9f5ad9d01f1863a491c23"),
        (69, 69, 71, 343, "073ba8b9752e0d6f5ddee53e7ef352e26f5a50c6a18b670639e5637e42c1cbbf"),
        (0, 0, 0, 162, "69d5bf2570613e7d8d06bb5865dc2b230c01b27feb9adec39abc71173283ec60"),
    ] {
        let bytes = SHORT.produce(snapshot, level, counter).to_bytes();
        assert_eq!((bytes.len(), hex::encode(hash32(&bytes))), (len, hash.to_owned()), "{level} {counter}");
    }
    let end = "00000072015dc53ceacc7dca100fbc8d836973c2adfe3b0cdbddbb4f209482d17351f1d4590000000100000020b2c0e9d9\
               5b5c9d06262de973b20721f93d40587dc29deaf75d5c0238e34a499d009f748f5d9ad7f0225e1677f3de6a0e6b7bc74e5b\
               b0ddda2dcfe2098201c40720000000000000000000000045018f1f9fd0816a310a79d0e0c4bf605a544c260c561740bcde\
               b175ea46f531289000000020d1fcf836edbc9334ab631e40e2f86dff736757c27247628382f45ca0cf48ef6d00";
    assert_eq!(hex::encode(SHORT.produce(1, 0, 2).to_bytes()), end);
}

#[test]
fn every_place_of_every_inbox_up_to_thirty_levels() {
    for snapshot in 0..30 {
        for level in 0..=snapshot {
            for counter in 0..=SHORT.0[level as usize].messages.len() as u64 {
                let (proof, told) =
                    InboxProof::produce(&*SHORT, SHORT.snapshot(snapshot), at(level), counter).unwrap();
                assert_eq!(told, SHORT.expected(snapshot, level, counter));
                assert_eq!(InboxProof::from_bytes(&proof.to_bytes()), Ok(proof));
            }
        }
    }
}

fn places() -> impl Strategy<Value = (u32, u32, u64)> {
    let snapshot = 0..1_300u32;
    let level = snapshot.prop_flat_map(|snapshot| (Just(snapshot), 0..=snapshot));
    level.prop_flat_map(|(snapshot, level)| {
        let len = LONG.0[level as usize].messages.len() as u64;
        (Just(snapshot), Just(level), prop_oneof![0..=len, Just(len)])
    })
}

proptest! {
    #[test]
    fn what_is_produced_verifies_and_tells_the_next_message((snapshot, level, counter) in places()) {
        let proof = LONG.produce(snapshot, level, counter);
        let read = InboxProof::from_bytes(&proof.to_bytes()).unwrap();
        let told = read.verify(LONG.snapshot(snapshot), at(level), counter);
        prop_assert_eq!(told, Ok(LONG.expected(snapshot, level, counter)));
    }

    #[test]
    fn a_proof_is_of_one_place_in_one_inbox((snapshot, level, counter) in places(), other in places()) {
        let proof = LONG.produce(snapshot, level, counter);
        if (level, counter) != (other.1, other.2) {
            prop_assert!(proof.verify(LONG.snapshot(snapshot), at(other.1), other.2).is_err());
        }
        if snapshot != other.0 {
            prop_assert!(proof.verify(LONG.snapshot(other.0), at(level), counter).is_err());
        }
    }

    #[test]
    fn a_changed_proof_tells_nothing_else(
        (snapshot, level, counter) in places(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = LONG.produce(snapshot, level, counter).to_bytes();
        for (place, change) in changes {
            let place = place.index(bytes.len());
            bytes[place] ^= change;
        }
        if let Ok(proof) = InboxProof::from_bytes(&bytes)
            && let Ok(told) = proof.verify(LONG.snapshot(snapshot), at(level), counter)
        {
            prop_assert_eq!(told, LONG.expected(snapshot, level, counter));
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), counter: u64, level in 0..=i32::MAX as u32) {
        if let Ok(proof) = InboxProof::from_bytes(&bytes) {
            let _ = proof.verify(SHORT.snapshot(69), at(level), counter);
        }
    }

    #[test]
    fn cells_with_any_numbers_never_panic(
        cells in prop::collection::vec((index(), 0..34usize, 0..=i32::MAX as u32), 0..8),
        messages in prop::collection::vec((index(), 0..34usize), 0..8),
        payload: Option<Vec<u8>>,
        (level, counter) in (0..=i32::MAX as u32, index()),
    ) {
        let levels: Vec<HistoryCell> = cells.into_iter().map(|(index, pointers, level)| Cell {
            index,
            content: super::super::LevelProof { hash: MerkelizedPayloadHash::ZERO, level: at(level) },
            back_pointers: vec![soru_base::InboxHash::ZERO; pointers],
        }).collect();
        let messages = messages.into_iter().map(|(index, pointers)| Cell {
            index,
            content: SerializedMessage(vec![]).hash(),
            back_pointers: vec![MerkelizedPayloadHash::ZERO; pointers],
        }).collect();
        let snapshot = levels.first().cloned().unwrap_or_else(|| SHORT.snapshot(69).clone());
        let proof = InboxProof { levels, messages, payload: payload.map(SerializedMessage) };
        prop_assert!(proof.verify(&snapshot, at(level), counter).is_err());
        let _ = InboxProof::produce(&*SHORT, &snapshot, at(level), counter);
    }
}

fn index() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..100u64,
        any::<u64>(),
        (0..64u32).prop_map(|i| 1 << i),
        (0..64u32).prop_map(|i| u64::MAX >> i)
    ]
}

#[test]
fn every_byte_counts_and_no_prefix_is_a_proof() {
    for (level, counter) in [(33, 20), (40, 42), (69, 71)] {
        let bytes = SHORT.produce(69, level, counter).to_bytes();
        for end in 0..bytes.len() {
            assert!(InboxProof::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
            let mut changed = bytes.clone();
            changed[end] ^= 1;
            let told =
                InboxProof::from_bytes(&changed).map(|p| p.verify(SHORT.snapshot(69), at(level), counter));
            if let Ok(Ok(told)) = told {
                assert_eq!(told, SHORT.expected(69, level, counter), "byte {end}");
            }
        }
        assert!(InboxProof::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn places_that_are_not_there_cannot_be_proved() {
    let produce =
        |level, counter| InboxProof::produce(&*SHORT, SHORT.snapshot(50), level, counter).map(|_| ());
    let last = 41;
    assert_eq!(produce(at(40), 43), Err(InboxProofError::BehindTheEnd { counter: 43, last }));
    assert_eq!(produce(at(40), u64::MAX), Err(InboxProofError::BehindTheEnd { counter: u64::MAX, last }));
    for level in [at(51), Level::MAX] {
        let (first, last) = (at(0), at(50));
        assert_eq!(produce(level, 0), Err(InboxProofError::NoSuchLevel { level, first, last }));
    }
    let proof = SHORT.produce(50, 40, 42);
    for (level, counter) in [(Level::MAX, 42), (at(41), 42), (at(40), 41), (at(40), u64::MAX), (at(40), 0)] {
        assert!(proof.verify(SHORT.snapshot(50), level, counter).is_err(), "{level} {counter}");
    }
}

#[test]
fn an_inbox_that_does_not_belong_to_the_snapshot_is_noticed() {
    let other = Chain::growing(60);
    let mut wrong = Chain(other.0.clone());
    wrong.0[47].messages[3] = InternalMessage::start_of_level();
    let error = InboxProof::produce(&wrong, SHORT.snapshot(50), at(47), 3).unwrap_err();
    assert_eq!(error, InboxProofError::AnotherInbox { what: "messages", level: at(47) });
    wrong.0[47].inbox.old_levels_messages.content.hash = MerkelizedPayloadHash::ZERO;
    let error = InboxProof::produce(&wrong, SHORT.snapshot(50), at(40), 3).unwrap_err();
    assert_eq!(error, InboxProofError::AnotherInbox { what: "cell", level: at(47) });
    wrong.0.truncate(45);
    let error = InboxProof::produce(&wrong, SHORT.snapshot(50), at(40), 3).unwrap_err();
    assert_eq!(error.to_string(), "cell of level 47: not there");
}

fn claim_levels(proof: &InboxProof, change: impl Fn(u64) -> u64) -> InboxProof {
    let mut proof = proof.clone();
    proof.levels.iter_mut().for_each(|cell| cell.index = change(cell.index));
    proof
}

fn claim_messages(proof: &InboxProof, change: impl Fn(u64) -> u64) -> InboxProof {
    let mut proof = proof.clone();
    proof.messages.iter_mut().for_each(|cell| cell.index = change(cell.index));
    proof
}

/// All ways to say that something else comes at a place: that the level ends there, or that a later message is an earlier
/// one. Gives how many verify, and checks that they have a wrong length.
fn deceptions(level: u32, counter: u64) -> usize {
    let cells = &SHORT.0[level as usize].cells;
    let last = cells.len() as u64 - 1;
    let truth = SHORT.expected(69, level, counter);
    let ends =
        (counter <= last).then(|| claim_messages(&SHORT.produce(69, level, last + 1), |_| counter - 1));
    let later = (0..=last).flat_map(|target| {
        let proof = SHORT.produce(69, level, target);
        // Whole paths moved, and paths whose first cell alone is.
        let moved = claim_messages(&proof, |index| index.wrapping_add(counter).wrapping_sub(target));
        let first = (1..64).map(move |claimed| {
            let mut proof = claim_messages(&proof, |index| index.wrapping_add(counter).wrapping_sub(target));
            proof.messages[0].index = claimed;
            proof
        });
        std::iter::once(moved).chain(first)
    });
    let mut deceived = 0;
    for proof in ends.into_iter().chain(later) {
        if let Ok(told) = proof.verify(SHORT.snapshot(69), at(level), counter)
            && told != truth
        {
            assert_ne!(proof.claimed_last(), Some(last), "level {level}, counter {counter}");
            deceived += 1;
        }
    }
    deceived
}

#[test]
fn whoever_knows_the_length_of_a_level_is_not_deceived() {
    let deceived = (0..20u32)
        .map(|level| (1..=u64::from(level) + 2).map(|counter| deceptions(level, counter)).sum::<usize>());
    // Of most levels everybody else is, the shortest included.
    let deceived: Vec<usize> = deceived.collect();
    assert!(deceived[0] > 0 && deceived.iter().filter(|n| **n > 0).count() > 15, "{deceived:?}");
}

#[test]
fn the_levels_place_themselves_by_the_snapshot() {
    let proof = SHORT.produce(69, 33, 20);
    for change in [|i| i + 1, |i| i + 16, |i| i + 64, |i: u64| i.saturating_sub(1), |_| u64::MAX, |_| 0] {
        assert!(claim_levels(&proof, change).verify(SHORT.snapshot(69), at(33), 20).is_err());
    }
    // Nothing follows the snapshot, whatever index its cell has.
    let mut end = SHORT.produce(69, 69, 71);
    assert_eq!(end.verify(SHORT.snapshot(69), at(69), 71), Ok(None));
    end.levels[0].index += 1;
    assert!(end.verify(SHORT.snapshot(69), at(69), 71).is_err());
}

#[test]
fn longer_ways_and_empty_paths_are_refused() {
    let proof = SHORT.produce(69, 33, 20);
    let verify = |proof: &InboxProof| proof.verify(SHORT.snapshot(69), at(33), 20);
    let mut detour = proof.clone();
    detour.levels.insert(1, SHORT.snapshot(68).clone());
    assert!(matches!(verify(&detour), Err(InboxProofError::Levels(PathError::Hop { from: 69, .. }))));
    let mut none = proof.clone();
    none.levels.clear();
    assert_eq!(verify(&none), Err(InboxProofError::Levels(PathError::Empty)));
    let mut none = proof.clone();
    none.messages.clear();
    assert_eq!(verify(&none), Err(InboxProofError::Messages(PathError::Empty)));
    let mut lazy = proof.clone();
    lazy.payload = None;
    assert_eq!(verify(&lazy), Err(InboxProofError::Another("end of the level")));
    let mut pointers = proof;
    pointers.levels[2].back_pointers.push(soru_base::InboxHash::ZERO);
    assert!(matches!(verify(&pointers), Err(InboxProofError::Levels(PathError::Pointers { index: 47, .. }))));
}

#[test]
fn a_bomb_is_refused_early() {
    // 32 KiB of the smallest cells: nothing is hashed.
    let cell = [&[0][..], &[0; 36], &[0; 4]].concat();
    let cells = cell.repeat(32_768 / cell.len());
    let bomb = [&(cells.len() as u32).to_be_bytes()[..], &cells, &[0; 5]].concat();
    let error = InboxProof::from_bytes(&bomb).unwrap_err();
    assert_eq!((error.offset, error.reason.as_str()), (4 + 128 * 41, "more than 128 cells"));
    let length = [0xff; 40];
    assert!(InboxProof::from_bytes(&length).is_err());
    // A number of 32 KiB.
    let number = [&32_768u32.to_be_bytes()[..], &[0xff; 32_768]].concat();
    assert!(InboxProof::from_bytes(&number).is_err());
}

#[test]
fn the_largest_proofs_leave_room_for_a_step() {
    // The longest of 100,000 levels, and of the most messages that a level can have.
    fn path<C: Clone, P: Copy + Eq>(
        from: u64,
        goal: u64,
        content: C,
        pointer: impl Fn(u64) -> P,
    ) -> Vec<Cell<C, P>> {
        let cell = |index| {
            let back_pointers = path::pointed(index).map(&pointer).collect();
            Cell { index, content: content.clone(), back_pointers }
        };
        path::walk(cell(from), goal, |index, _| Ok::<_, PathError>(cell(index))).unwrap()
    }
    fn hash(index: u64) -> [u8; 32] {
        hash32(&index.to_be_bytes())
    }
    let content = super::super::LevelProof { hash: MerkelizedPayloadHash::ZERO, level: Level::MAX };
    let levels = path(98_304, 65_536, content, |i| soru_base::InboxHash(hash(i)));
    let message = SerializedMessage(vec![1; MESSAGE_SIZE_LIMIT]);
    let messages = path(973_490, 262_144, message.hash(), |i| MerkelizedPayloadHash(hash(i)));
    assert_eq!((levels.len(), messages.len()), (24, 30));
    let proof = InboxProof { levels, messages, payload: Some(message) };
    assert_eq!(proof.to_bytes().len(), 7_944 + 10_770 + MESSAGE_SIZE_LIMIT + 13);
}
