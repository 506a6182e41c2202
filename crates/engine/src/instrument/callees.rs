//! What the callers of a function know of it.
//!
//! Of what a call takes, a number of ticks is paid by the *caller*, with its own; the function counts the difference alone, on the
//! ways that take another number. So a function that always takes the same counts nothing, and of a recursion the
//! innermost calls count nothing, which are the most. Any number would do that all agree on. It is what the first way to the end
//! takes, but for ways through a call whose number is not known yet: so every small function is
//! rewritten to find out, those that it calls before. Who calls a function through a table does not know which it is: then the number is zero.
//!
//! A function that calls others looks whether any ticks are left, after its calls or when it begins. It need not where they lead to
//! little work, not back to it, and no loop is around them. A run goes down so many calls at most, and comes up again through
//! functions that look: so an endless one is noticed.

use super::InstrumentError;
use super::bodies::{Looks, Manner, Own};
use super::meter::HELD;
use super::plan::Plan;
use super::rewriter::Rewriter;
use std::collections::BTreeSet;

/// So many ticks are paid by a caller at most.
const PAID: i64 = 1 << 12;
/// Ticks of work that are done at most, roughly, without a look.
pub(super) const LITTLE: u64 = 1 << 17;
/// More than most instructions take.
const INSTRUCTION: u64 = 16;

/// What the callers of a function know of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Callee {
    /// Ticks that a caller pays.
    pub(super) ticks: i64,
    /// Where it looks if any ticks are left.
    pub(super) looks: Looks,
    /// Ticks of work without a look, roughly.
    pub(super) work: u64,
}

/// A function whose callees are gone through.
struct Visit {
    place: usize,
    plan: Plan,
    next: usize,
}

impl Rewriter<'_> {
    /// What the callers of a function of the kernel's own know of it, if that is found out already.
    pub(super) fn callee(&self, place: usize) -> Option<Callee> {
        if self.is_metered() { self.callees.get(place).copied().flatten() } else { Some(Callee::default()) }
    }

    /// Finds out what is known of these functions, callees first.
    pub(super) fn learn(
        &mut self,
        functions: &[Own<'_>],
        referred: &BTreeSet<u32>,
    ) -> Result<(), InstrumentError> {
        let imported = self.imported.len();
        let visit = |place: usize, own: &Own<'_>| {
            Ok::<_, InstrumentError>(Visit { place, plan: Plan::of(&own.body, imported)?, next: 0 })
        };
        self.callees = vec![None; functions.len()];
        let mut seen = vec![false; functions.len()];
        for (root, own) in functions.iter().enumerate() {
            let mut open = Vec::new();
            if !std::mem::replace(&mut seen[root], true) {
                open.push(visit(root, own)?);
            }
            while let Some(last) = open.last_mut() {
                let callee = last.plan.callees.get(last.next).copied();
                last.next += 1;
                match callee.map(|callee| (callee, functions.get(callee))) {
                    Some((callee, Some(own))) => {
                        if !std::mem::replace(&mut seen[callee], true) {
                            open.push(visit(callee, own)?);
                        }
                    }
                    Some((_, None)) => (),
                    None => {
                        let Some(Visit { place, plan, .. }) = open.pop() else { break };
                        let is_referred = referred.contains(&((imported + place) as u32));
                        self.callees[place] =
                            Some(self.known(place, &plan, &functions[place], is_referred)?);
                    }
                }
            }
        }
        Ok(())
    }

    /// Of a function whose callees are known, but for those that lead back to it.
    fn known(
        &mut self,
        place: usize,
        plan: &Plan,
        own: &Own<'_>,
        is_referred: bool,
    ) -> Result<Callee, InstrumentError> {
        let mut looks = plan.calls_in_loop || plan.calls_any;
        let mut work = INSTRUCTION * plan.length as u64 + if plan.loops { HELD as u64 } else { 0 };
        for callee in &plan.callees {
            match self.callees.get(*callee).copied().flatten() {
                Some(callee) => work = work.saturating_add(callee.work),
                None => looks = true,
            }
        }
        looks |= !plan.callees.is_empty() && work > LITTLE;
        if looks {
            work = LITTLE / 16;
        }
        let mut ticks = 0;
        if !is_referred && own.is_small() {
            let pairs = self.pairs;
            let made = self.rewrite(place, own, Manner { paid: 0, in_global: false, looks: Looks::Never })?;
            self.pairs = pairs;
            ticks = made.taken.filter(|taken| (0..=PAID).contains(taken)).unwrap_or_default();
        }
        let looks = match looks {
            false => Looks::Never,
            true if plan.calls_in_loop || !own.is_small() => Looks::AtTheBeginning,
            true => Looks::AfterCalls,
        };
        Ok(Callee { ticks, looks, work })
    }
}
