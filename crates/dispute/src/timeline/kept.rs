use soru_base::Tick;
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::state::{StateError, Status, TickState};
use std::collections::BTreeMap;

/// States reached before, by the machine's tick. Those that were used last stay: the next move of a game looks into a section
/// of the last one. The states after levels stay for ever, of which a period has some dozens.
pub(super) struct Kept {
    states: BTreeMap<Tick, Entry>,
    /// Where each tick was used last, to find the oldest.
    order: BTreeMap<u64, Tick>,
    uses: u64,
    most: usize,
}

struct Entry {
    state: Tree,
    /// The last tick of the run that the state is inside of. Ticks behind are reached faster from before the run.
    run_end: Option<Tick>,
    /// Nothing for a state that stays.
    used: Option<u64>,
}

impl Kept {
    pub(super) fn new(most: usize) -> Self {
        Self { states: BTreeMap::new(), order: BTreeMap::new(), uses: 0, most }
    }

    /// A state that stays.
    pub(super) fn pin(&mut self, tick: Tick, state: Tree) {
        let entry = Entry { state, run_end: None, used: None };
        if let Some(Entry { used: Some(used), .. }) = self.states.insert(tick, entry) {
            self.order.remove(&used);
        }
    }

    /// A state that stays until others are used more.
    pub(super) fn keep(&mut self, machine: &Machine, state: Tree) -> Result<(), StateError> {
        let tick = machine.current_tick;
        if self.states.contains_key(&tick) {
            return Ok(());
        }
        let run_end = match &machine.tick_state {
            TickState::Padding | TickState::Snapshot => None,
            _ if machine.status() == Status::InputRequired => None,
            _ => Some(machine.last_padding_tick()?),
        };
        let used = self.next_use(tick);
        self.states.insert(tick, Entry { state, run_end, used: Some(used) });
        if self.order.len() > self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.states.remove(&oldest);
        }
        Ok(())
    }

    pub(super) fn get(&mut self, tick: Tick) -> Option<Tree> {
        let used = self.states.get(&tick)?.used;
        if let Some(used) = used {
            self.order.remove(&used);
            let now = self.next_use(tick);
            if let Some(entry) = self.states.get_mut(&tick) {
                entry.used = Some(now);
            }
        }
        self.states.get(&tick).map(|entry| entry.state.clone())
    }

    /// The state to start from on the way to `wanted`.
    pub(super) fn nearest(&mut self, wanted: Tick) -> Option<Tree> {
        let leads_there = |entry: &Entry| entry.run_end.is_none_or(|end| wanted <= end);
        let tick = *self.states.range(..=wanted).rev().find(|(_, entry)| leads_there(entry))?.0;
        self.get(tick)
    }

    fn next_use(&mut self, tick: Tick) -> u64 {
        self.uses += 1;
        self.order.insert(self.uses, tick);
        self.uses
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_pvm::machine::{initial_state, install_boot_sector};
    use soru_pvm::state::{StuckError, StuckText};
    use soru_pvm::{Limits, Version};

    fn machine(tick: u64, tick_state: TickState) -> Machine {
        let mut tree = initial_state(Version::V0).unwrap();
        let limits = Limits { ticks_per_snapshot: soru_base::TickSpan(100), ..Limits::FIRST };
        install_boot_sector(&mut tree, b"", limits).unwrap();
        let mut machine = Machine::from_tree(&tree).unwrap();
        machine.last_top_level_call = Tick(tick / 100 * 100);
        (machine.current_tick, machine.tick_state) = (Tick(tick), tick_state);
        machine
    }

    fn leaf(tick: u64) -> Tree {
        Tree::leaf(tick.to_be_bytes().to_vec())
    }

    fn nearest(kept: &mut Kept, tick: u64) -> u64 {
        let bytes = kept.nearest(Tick(tick)).unwrap().find::<&[u8]>(&[]).unwrap().unwrap();
        u64::from_be_bytes(bytes[..].try_into().unwrap())
    }

    #[test]
    fn whole_runs_start_before_the_run_and_parts_of_it_inside() {
        let mut kept = Kept::new(10);
        kept.pin(Tick(0), leaf(0));
        kept.keep(&machine(100, TickState::Snapshot), leaf(100)).unwrap();
        let refused = StuckError::Link(StuckText::new("refused"));
        kept.keep(&machine(130, TickState::Stuck(refused)), leaf(130)).unwrap();
        kept.keep(&machine(300, TickState::Padding), leaf(300)).unwrap();
        let found = [99, 100, 129, 130, 199, 200, 299, 300, 1_000].map(|tick| nearest(&mut kept, tick));
        assert_eq!(found, [0, 100, 100, 130, 130, 100, 100, 300, 300]);
    }

    #[test]
    fn what_was_used_least_goes_first_and_pinned_states_stay() {
        let mut kept = Kept::new(3);
        kept.pin(Tick(0), leaf(0));
        for tick in 1..=3 {
            kept.keep(&machine(tick, TickState::Padding), leaf(tick)).unwrap();
        }
        assert!(kept.get(Tick(1)).is_some());
        kept.keep(&machine(4, TickState::Padding), leaf(4)).unwrap();
        assert_eq!((kept.len(), kept.get(Tick(2)).is_none()), (4, true));
        assert!(kept.get(Tick(0)).is_some() && kept.get(Tick(1)).is_some());
        // One that is kept already is not kept twice; one that is pinned makes room.
        kept.keep(&machine(4, TickState::Padding), leaf(4)).unwrap();
        kept.pin(Tick(4), leaf(4));
        kept.keep(&machine(5, TickState::Padding), leaf(5)).unwrap();
        assert_eq!(kept.len(), 5);
        for tick in 6..100 {
            kept.keep(&machine(tick, TickState::Padding), leaf(tick)).unwrap();
        }
        assert_eq!((kept.len(), kept.order.len()), (5, 3));
        assert!(kept.get(Tick(0)).is_some() && kept.get(Tick(4)).is_some());
    }
}
