//! Who injects next for a key: the layer-1 takes one operation of a key in a block.
//!
//! Games go first, because their clocks run. But publishing is let through when it has waited for some blocks, and then
//! games wait for one block: unless a move is urgent, neither starves the other. Batches of messages come last, and are let
//! through in the same way when they have waited for longer. The waiting side may die at any time: nobody waits for it
//! longer than that block.

use soru_base::{Level, LevelSpan, PublicKeyHash};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// Blocks that publishing waits for games.
pub const PATIENCE: LevelSpan = LevelSpan(3);
/// Blocks that batches of messages wait for all others.
pub const BATCH_PATIENCE: LevelSpan = LevelSpan(6);
/// For so many blocks batches let publishing go first that came too late for its turn.
const HELD: LevelSpan = LevelSpan(2);
/// A move with less time than so many blocks waits for nobody.
pub const URGENT: i64 = 20;

/// One turnstile for all keys of a node. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub struct Turnstile(Arc<Mutex<BTreeMap<PublicKeyHash, Gate>>>);

#[derive(Debug, Clone, Default)]
struct Gate {
    // Held by the one who looks whether an operation is on its way, and injects if not.
    entered: Arc<tokio::sync::Mutex<()>>,
    queue: Queue,
}

/// Who waits at a gate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Queue {
    games: Option<Urgency>,
    publishing_since: Option<Level>,
    // Games let publishing go first at that head.
    yielded_at: Option<Level>,
    // At that head publishing had a pass, but the operation of another was there already.
    held_at: Option<Level>,
    batching_since: Option<Level>,
    // Others let batches go first at that head.
    yielded_to_batches_at: Option<Level>,
}

/// Whether a move can wait for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It can.
    Calm,
    /// It cannot.
    Urgent,
}

impl Urgency {
    /// Of a move with so many blocks left, if any are counted.
    pub fn of(blocks_left: Option<i64>) -> Self {
        match blocks_left {
            Some(..URGENT) => Self::Urgent,
            _ => Self::Calm,
        }
    }
}

/// Nobody else of the node injects for the key as long as this lives.
#[derive(Debug)]
pub struct Pass {
    _guard: OwnedMutexGuard<()>,
}

impl Queue {
    fn is_due(&self, head: Level) -> bool {
        self.publishing_since.is_some_and(|since| head.since(since) >= PATIENCE)
    }

    fn may_publish(&mut self, head: Level) -> bool {
        let may = match self.games {
            None => true,
            Some(Urgency::Calm) => self.is_due(head),
            Some(Urgency::Urgent) => false,
        };
        let may = may && !self.yields_to_batches(head);
        self.publishing_since = if may { None } else { Some(self.publishing_since.unwrap_or(head)) };
        may
    }

    fn may_play(&mut self, head: Level, urgency: Urgency) -> bool {
        let yields =
            urgency == Urgency::Calm && self.is_due(head) && self.yielded_at.is_none_or(|at| at == head);
        self.games = Some(urgency);
        if urgency == Urgency::Calm && self.yields_to_batches(head) {
            return false;
        }
        if yields {
            self.yielded_at = Some(head);
        } else if self.yielded_at.take().is_some() {
            // It did not come through in time: it queues anew.
            self.publishing_since = None;
        }
        !yields
    }

    fn batch_is_due(&self, head: Level) -> bool {
        self.batching_since.is_some_and(|since| head.since(since) >= BATCH_PATIENCE)
    }

    fn yields_to_batches(&mut self, head: Level) -> bool {
        let yields = self.batch_is_due(head) && self.yielded_to_batches_at.is_none_or(|at| at == head);
        if yields {
            self.yielded_to_batches_at = Some(head);
        } else if self.yielded_to_batches_at.take_if(|at| *at != head).is_some() {
            self.batching_since = None;
        }
        yields
    }

    fn may_batch(&mut self, head: Level) -> bool {
        let publishing =
            self.publishing_since.is_some() || self.held_at.is_some_and(|at| head.since(at) <= HELD);
        self.batching_since.get_or_insert(head);
        match self.games {
            Some(Urgency::Urgent) => false,
            None if !publishing => true,
            None | Some(Urgency::Calm) => self.batch_is_due(head),
        }
    }
}

impl Turnstile {
    fn gate<T>(&self, key: PublicKeyHash, with: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        with(gates.entry(key).or_default())
    }

    async fn enter(&self, key: PublicKeyHash, may: impl FnOnce(&mut Queue) -> bool) -> Option<Pass> {
        let entered = self.gate(key, |gate| gate.entered.clone());
        let guard = entered.lock_owned().await;
        self.gate(key, |gate| may(&mut gate.queue)).then_some(Pass { _guard: guard })
    }

    /// A pass to publish and cement for `key` at `head`; nothing if games go first. To be asked only by one who has
    /// something to inject.
    pub async fn publish(&self, key: PublicKeyHash, head: Level) -> Option<Pass> {
        self.enter(key, |queue| queue.may_publish(head)).await
    }

    /// A pass to play for `key` at `head`; nothing if publishing goes first this time. Until
    /// [`nothing_to_play`](Self::nothing_to_play), publishing knows that games wait.
    pub async fn play(&self, key: PublicKeyHash, head: Level, urgency: Urgency) -> Option<Pass> {
        self.enter(key, |queue| queue.may_play(head, urgency)).await
    }

    /// A pass to add messages for `key` at `head`; nothing if others go first. Until
    /// [`nothing_to_batch`](Self::nothing_to_batch), the others know that messages wait.
    pub async fn batch(&self, key: PublicKeyHash, head: Level) -> Option<Pass> {
        self.enter(key, |queue| queue.may_batch(head)).await
    }

    /// There is nothing to publish for `key`.
    pub fn nothing_to_publish(&self, key: PublicKeyHash) {
        self.gate(key, |gate| (gate.queue.publishing_since, gate.queue.held_at) = (None, None));
    }

    /// Publishing had a pass for `key` at `head`, and found that an operation is on its way already.
    pub fn publishing_is_held(&self, key: PublicKeyHash, head: Level) {
        self.gate(key, |gate| gate.queue.held_at = Some(head));
    }

    /// No messages wait for `key`, or they are on their way.
    pub fn nothing_to_batch(&self, key: PublicKeyHash) {
        self.gate(key, |gate| (gate.queue.batching_since, gate.queue.yielded_to_batches_at) = (None, None));
    }

    /// There is nothing to play for `key`, or it is on its way.
    pub fn nothing_to_play(&self, key: PublicKeyHash) {
        self.gate(key, |gate| gate.queue.games = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(n: u32) -> Level {
        Level::new(n).unwrap()
    }

    #[test]
    fn games_go_first_but_publishing_gets_its_block() {
        let mut queue = Queue::default();
        let (mut published, mut played) = (Vec::new(), Vec::new());
        for n in 1..=20 {
            let mut taken = false;
            // Both ask at each head, in turns the one first, then the other.
            for publishes in [n % 2 == 0, n % 2 != 0] {
                let may = match publishes {
                    true => queue.may_publish(level(n)),
                    false => queue.may_play(level(n), Urgency::Calm),
                };
                if may && !taken {
                    taken = true;
                    if publishes { &mut published } else { &mut played }.push(n);
                }
            }
        }
        assert!(published.len() >= 3, "{published:?}");
        assert!(played.len() >= 12, "{played:?}");
    }

    #[test]
    fn batches_come_last_and_get_their_block() {
        for games in [false, true] {
            let mut queue = Queue::default();
            let mut got = [0; 3];
            for n in 1..=60 {
                // The batcher is always the first to ask: it evaluates nothing.
                let mut taken = None;
                if queue.may_batch(level(n)) {
                    (queue.batching_since, queue.yielded_to_batches_at) = (None, None);
                    taken = Some(0);
                }
                if games && queue.may_play(level(n), Urgency::Calm) {
                    taken.get_or_insert(2);
                }
                if queue.may_publish(level(n)) {
                    match taken {
                        Some(_) => queue.held_at = Some(level(n)),
                        None => (taken, queue.held_at) = (Some(1), None),
                    }
                }
                got[taken.unwrap()] += 1;
            }
            let [batches, published, played] = got;
            assert!(batches >= 5, "{got:?}");
            assert!(published >= 10 && published >= batches, "{got:?}");
            assert!(!games || played >= 25, "{got:?}");
        }
    }

    #[test]
    fn a_batcher_that_died_holds_up_the_others_for_one_block() {
        let mut queue = Queue { games: Some(Urgency::Calm), ..Queue::default() };
        assert!(!queue.may_batch(level(1)));
        let refused: Vec<u32> = (2..50).filter(|n| !queue.may_play(level(*n), Urgency::Calm)).collect();
        assert_eq!(refused, [1 + BATCH_PATIENCE.0]);
        queue.games = None;
        assert!(queue.may_publish(level(50)));
    }

    #[test]
    fn an_urgent_move_waits_for_nobody() {
        let mut queue = Queue::default();
        for n in 1..=20 {
            assert!(queue.may_play(level(n), Urgency::Urgent));
            assert!(!queue.may_batch(level(n)));
            assert!(!queue.may_publish(level(n)));
        }
        assert_eq!(Urgency::of(Some(URGENT)), Urgency::Calm);
        assert_eq!(Urgency::of(Some(URGENT - 1)), Urgency::Urgent);
        assert_eq!(Urgency::of(Some(-5)), Urgency::Urgent);
        assert_eq!(Urgency::of(None), Urgency::Calm);
    }

    #[test]
    fn a_publisher_that_died_holds_up_one_move_for_one_block() {
        let mut queue = Queue::default();
        assert!(queue.may_play(level(1), Urgency::Calm));
        assert!(!queue.may_publish(level(1)));
        let refused: Vec<u32> = (2..50).filter(|n| !queue.may_play(level(*n), Urgency::Calm)).collect();
        assert_eq!(refused, [1 + PATIENCE.0]);
    }

    #[tokio::test]
    async fn two_never_inject_at_once() {
        let turnstile = Turnstile::default();
        let key: PublicKeyHash = "tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX".parse().unwrap();
        let pass = turnstile.publish(key, level(1)).await.unwrap();
        let other = turnstile.clone();
        let waiting = tokio::spawn(async move { other.play(key, level(1), Urgency::Urgent).await.is_some() });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(pass);
        assert!(waiting.await.unwrap());
        turnstile.nothing_to_play(key);
        assert!(turnstile.publish(key, level(2)).await.is_some());
    }
}
