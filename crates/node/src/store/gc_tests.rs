//! Collections between blocks, reorganisations and games: nobody may miss what a game needs.

use super::tests::{chain, level, period_block};
use super::*;
use proptest::prelude::*;
use soru_base::LevelSpan;
use std::collections::BTreeMap;

const ROLLUP: RollupAddress = RollupAddress([1; 20]);
const PERIOD: u32 = 2;
/// Blocks that a reorganisation may replace, of the 100 that the rule allows for.
const DEPTH: u32 = 12;

#[test]
fn everything_from_the_parent_of_the_last_cemented_commitment_on_is_kept() {
    let needs = Needs { head: level(1_000), cemented: level(700), period: LevelSpan(50), history_blocks: 0 };
    let kept = needs.kept();
    assert_eq!((kept.from, kept.period_ends_from, kept.finalized), (level(650), level(450), level(900)));
    let near = Needs { cemented: level(990), ..needs }.kept();
    assert_eq!(near.from, level(900));
    let history = Needs { history_blocks: 200, ..needs }.kept();
    assert_eq!(history.from, level(450));
    let young = Needs { head: level(60), cemented: level(3), ..needs }.kept();
    assert_eq!((young.from, young.finalized), (level(0), level(0)));
}

#[test]
fn a_game_outlives_the_cementation_of_its_period() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    chain(400).iter().for_each(|block| store.put(block).unwrap());
    store.note_games(&BTreeSet::from([level(7), level(31)]), level(250)).unwrap();
    store.note_games(&BTreeSet::from([level(31)]), level(350)).unwrap();
    let has = |n: u32| store.block_at(level(n)).unwrap().is_some_and(|block| store.state(&block).is_ok());
    let collect = |head: u32, cemented: u32| {
        let (head, cemented) = (level(head), level(cemented));
        store.collect(Needs { head, cemented, period: LevelSpan(PERIOD), history_blocks: 0 }.kept()).unwrap()
    };
    collect(350, 201);
    let left: Vec<u32> = (1..150).filter(|n| has(*n)).collect();
    assert_eq!(left, [5, 6, 7, 29, 30, 31]);
    // The first game is over for long.
    collect(351, 201);
    let left: Vec<u32> = (1..150).filter(|n| has(*n)).collect();
    assert_eq!(left, [29, 30, 31]);
    collect(400, 201);
    assert!(has(29) && has(30) && has(31));
}

#[test]
fn blocks_and_messages_go_with_their_states() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    let blocks = chain(400);
    blocks.iter().for_each(|block| store.put(block).unwrap());
    let collect = |head, cemented| {
        let needs = Needs { head, cemented, period: LevelSpan(PERIOD), history_blocks: 0 };
        store.collect(needs.kept()).unwrap();
    };
    collect(level(400), level(380));
    let has = |block: &NewBlock| store.block(&block.record.hash).unwrap().is_some();
    let has_messages = |block: &NewBlock| !store.messages(&block.record.hash).unwrap().is_empty();
    for block in &blocks {
        let (at, record) = (block.record.level.get(), &block.record);
        let is_special = record.commitment.is_some() || !record.published.is_empty();
        let first = record.level == blocks[0].record.level;
        assert_eq!(has(block), at >= 300 || is_special || first, "level {at}");
        assert_eq!(has_messages(block), at >= 300 && !block.messages.is_empty(), "level {at}");
        // What stays: the hash.
        assert_eq!(store.hash_at(record.level).unwrap(), Some(record.hash));
    }
    assert_eq!(store.genesis().unwrap().unwrap(), blocks[0].record);
    let plain = blocks.iter().find(|block| !has(block)).unwrap().record.level;
    assert_eq!(store.block_at(plain).unwrap(), None);
}

/// What happens between two collections.
#[derive(Debug, Clone)]
enum Event {
    Bake(u32),
    /// So many blocks are replaced by one more of another fork.
    Reorganise(u32),
    /// The next commitment is cemented.
    Cement,
    /// A game is opened about a commitment so many periods above the last cemented one.
    Open(u32),
    /// The oldest game ends.
    End,
    /// The node is killed and started again.
    Restart,
    Collect,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..30u32).prop_map(Event::Bake),
        2 => (1..DEPTH).prop_map(Event::Reorganise),
        6 => Just(Event::Cement),
        2 => (1..4u32).prop_map(Event::Open),
        1 => Just(Event::End),
        1 => Just(Event::Restart),
        4 => Just(Event::Collect),
    ]
}

/// The layer-1 after a block: what is cemented and which games are played.
#[derive(Debug, Clone)]
struct Seen {
    cemented: Level,
    games: Vec<Level>,
}

struct World {
    dir: tempfile::TempDir,
    store: Store,
    blocks: Vec<NewBlock>,
    seen: BTreeMap<BlockHash, Seen>,
    now: Seen,
    /// What the next block cements.
    cementing: Vec<CommitmentHash>,
    fork: u8,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), ROLLUP).unwrap();
        let blocks = chain(1);
        store.put(&blocks[0]).unwrap();
        let now = Seen { cemented: level(1), games: vec![] };
        Self { dir, store, blocks, seen: BTreeMap::new(), now, cementing: vec![], fork: 1 }
    }

    fn head(&self) -> &NewBlock {
        &self.blocks[self.blocks.len() - 1]
    }

    /// A block, and what the publisher notes when it looks at the layer-1 there.
    fn bake(&mut self) {
        let head = self.head();
        let mut made = period_block(head.record.level.get() + 1, self.fork, head.record.hash.0[0], head);
        made.record.cemented = std::mem::take(&mut self.cementing);
        self.store.put(&made).unwrap();
        self.seen.insert(made.record.hash, self.now.clone());
        let games = self.now.games.iter().copied().collect();
        self.store.note_games(&games, made.record.level).unwrap();
        self.blocks.push(made);
    }

    fn happen(&mut self, event: &Event) {
        let newest = self.head().record.most_recent_commitment().1;
        match *event {
            Event::Bake(n) => (0..n).for_each(|_| self.bake()),
            Event::Reorganise(depth) => {
                let left = (self.blocks.len() - 1).saturating_sub(depth as usize).max(1);
                self.blocks.truncate(left);
                let head = self.head().record.clone();
                self.store.rollback(head.level).unwrap();
                if let Some(seen) = self.seen.get(&head.hash) {
                    self.now = seen.clone();
                }
                // What the publisher asks the layer-1 at the new head.
                if let Some(hash) = self.store.block_at(self.now.cemented).unwrap().unwrap().commitment {
                    self.store.set_cemented(Pointed { hash, level: self.now.cemented }).unwrap();
                }
                self.fork = self.fork % 200 + 2;
                self.bake();
            }
            Event::Cement => {
                let next = self.now.cemented.plus(LevelSpan(PERIOD));
                if next < newest {
                    self.now.cemented = next;
                    let hash = self.store.block_at(next).unwrap().unwrap().commitment.unwrap();
                    self.cementing.push(hash);
                    self.store.set_cemented(Pointed { hash, level: next }).unwrap();
                }
                self.bake();
            }
            Event::Open(periods) => {
                let about = self.now.cemented.plus(LevelSpan(periods * PERIOD));
                if about <= newest {
                    self.now.games.push(about);
                }
                self.bake();
            }
            Event::End => {
                if !self.now.games.is_empty() {
                    self.now.games.remove(0);
                }
                self.bake();
            }
            Event::Restart => {
                let Self { dir, store, .. } = self;
                // The last clone has to go before the store can be opened again.
                let path = dir.path().join("elsewhere");
                *store = Store::open(&path, ROLLUP).unwrap();
                *store = Store::open(dir.path(), ROLLUP).unwrap();
            }
            Event::Collect => {
                let head = self.head().record.level;
                if let Some(needs) = Needs::of(&self.store, head, LevelSpan(PERIOD), 0).unwrap() {
                    self.store.collect(needs.kept()).unwrap();
                }
            }
        }
    }

    /// Everything that somebody may have to prove at the head of the store.
    fn check(&self) {
        let needed = |n: Level| {
            let record = self.store.block_at(n).unwrap().unwrap();
            self.store.state(&record).unwrap_or_else(|e| panic!("level {n}: {e}"));
            self.store.messages(&record.hash).unwrap();
        };
        let head = self.head().record.level;
        let first = self.now.cemented.get()..=head.get();
        first.filter_map(Level::new).for_each(needed);
        for game in &self.now.games {
            (game.get() - PERIOD..=game.get()).filter_map(Level::new).for_each(needed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn what_a_game_needs_is_never_collected(events in proptest::collection::vec(event(), 1..50)) {
        let mut world = World::new();
        // Far enough from the beginning that there is something to collect.
        world.happen(&Event::Bake(120));
        for event in &events {
            world.happen(event);
            world.check();
        }
    }
}
