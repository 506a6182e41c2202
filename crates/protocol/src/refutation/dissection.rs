use super::GameError;
use soru_base::bin::{Binary, DecodeError, Reader, put_bool, put_n64, put_sized};
use soru_base::{StateHash, Tick, TickSpan};

/// A claim about the state at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DissectionChunk {
    /// The state's hash; `None` if the machine is blocked before that tick: it waits for a message that the commitment
    /// does not cover.
    pub state_hash: Option<StateHash>,
    /// Ticks since the state of the parent commitment.
    pub tick: Tick,
}

impl Binary for DissectionChunk {
    fn write(&self, out: &mut Vec<u8>) {
        put_bool(out, self.state_hash.is_some());
        if let Some(hash) = &self.state_hash {
            hash.write(out);
        }
        put_n64(out, self.tick.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let state_hash = if r.bool("state of a chunk")? { Some(StateHash::read(r)?) } else { None };
        Ok(Self { state_hash, tick: Tick(r.n64("tick of a chunk")?) })
    }
}

impl DissectionChunk {
    pub(super) fn write_list(chunks: &[Self], out: &mut Vec<u8>) {
        put_sized(out, |out| chunks.iter().for_each(|chunk| chunk.write(out)));
    }

    pub(super) fn read_list(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let mut chunks = Vec::new();
        let mut inner = r.sub("dissection")?;
        while !inner.is_empty() {
            chunks.push(Self::read(&mut inner)?);
        }
        Ok(chunks)
    }
}

/// What a dissection must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DissectionRules {
    sections: u8,
    ticks_per_snapshot: TickSpan,
}

impl DissectionRules {
    /// Dissections into that many sections, of a machine that runs `kernel_run` in that many ticks.
    /// `None` for less than four sections or no ticks: some sections could not be dissected then.
    pub fn new(sections: u8, ticks_per_snapshot: TickSpan) -> Option<Self> {
        (sections >= 4 && ticks_per_snapshot.0 > 0).then_some(Self { sections, ticks_per_snapshot })
    }

    /// Sections of a dissection, unless there are fewer ticks or snapshots.
    pub fn sections(&self) -> u8 {
        self.sections
    }

    /// Ticks of a `kernel_run`, padding included.
    pub fn ticks_per_snapshot(&self) -> TickSpan {
        self.ticks_per_snapshot
    }

    /// Ticks of the dissection that a node makes of the section from `start` to `stop`, both included, as even as can be.
    ///
    /// A section longer than a snapshot is cut at snapshots; what follows the last one (a machine that got stuck there)
    /// is a section of its own. Passes [`check`](Self::check) if there are two ticks at least, and `start` is a snapshot
    /// or the section no longer than one: all sections of a game are like that.
    pub fn default_ticks(&self, start: Tick, stop: Tick) -> Vec<Tick> {
        let snapshot = self.ticks_per_snapshot.0;
        let wanted = u64::from(self.sections);
        let ticks = stop.since(start).0;
        let (unit, units, sections) = if ticks <= snapshot {
            (1, ticks, wanted)
        } else if ticks.is_multiple_of(snapshot) {
            (snapshot, ticks / snapshot, wanted)
        } else {
            // One section is for the ticks behind the last snapshot.
            (snapshot, ticks / snapshot, wanted - 1)
        };
        let mut cuts = vec![start];
        let (mut left, mut at) = (units, start);
        for sections in (1..=sections.min(units)).rev() {
            let span = left / sections;
            left -= span;
            at = at.plus(TickSpan(span.saturating_mul(unit)));
            cuts.push(at);
        }
        if at < stop {
            cuts.push(stop);
        }
        cuts
    }

    /// The dissection that a node answers with: [`default_ticks`](Self::default_ticks) with the states it knows there.
    ///
    /// `start` is the agreed chunk, `stop` the player's own claim at the refuted one's tick; `state_at` is asked for the
    /// ticks in between, in order.
    pub fn default_dissection<E>(
        &self,
        start: DissectionChunk,
        stop: DissectionChunk,
        mut state_at: impl FnMut(Tick) -> Result<Option<StateHash>, E>,
    ) -> Result<Vec<DissectionChunk>, E> {
        let chunk = |tick| {
            Ok(match tick {
                _ if tick == start.tick => start,
                _ if tick == stop.tick => stop,
                _ => DissectionChunk { state_hash: state_at(tick)?, tick },
            })
        };
        self.default_ticks(start.tick, stop.tick).into_iter().map(chunk).collect()
    }

    /// Whether `dissection` may answer the claim that `start` leads to `stop`.
    pub fn check(
        &self,
        start: &DissectionChunk,
        stop: &DissectionChunk,
        dissection: &[DissectionChunk],
    ) -> Result<(), GameError> {
        let snapshot = self.ticks_per_snapshot.0;
        let ticks = start.tick.0.abs_diff(stop.tick.0);
        let whole_runs = ticks > snapshot;
        self.check_number_of_sections(ticks, whole_runs, dissection)?;
        check_ends(start, stop, dissection)?;
        let max = if !whole_runs {
            ticks / 2
        } else if ticks.is_multiple_of(snapshot) {
            snapshot.max(ticks / 2)
        } else {
            // Half of the whole runs: the ticks behind them are a section of their own.
            let last_snapshot = stop.tick.0 / snapshot * snapshot;
            snapshot.max(start.tick.0.abs_diff(last_snapshot) / 2)
        };
        check_sections(TickSpan(max), dissection)?;
        let placed = |chunk: &DissectionChunk| {
            chunk.tick.0.is_multiple_of(snapshot) || chunk.tick == start.tick || chunk.tick == stop.tick
        };
        if whole_runs && !dissection.iter().all(placed) {
            return Err(GameError::WasmInvalidDissectionDistribution);
        }
        Ok(())
    }

    fn check_number_of_sections(
        &self,
        ticks: u64,
        whole_runs: bool,
        dissection: &[DissectionChunk],
    ) -> Result<(), GameError> {
        let given = dissection.len().saturating_sub(1) as u64;
        if ticks < 2 {
            return Err(GameError::DissectionInvalidNumberOfSections { given });
        }
        let possible = if whole_runs { ticks.div_ceil(self.ticks_per_snapshot.0) } else { ticks };
        let expected = possible.min(self.sections.into());
        if given != expected {
            return Err(GameError::DissectionNumberOfSectionsMismatch { expected, given });
        }
        Ok(())
    }
}

fn check_ends(
    start: &DissectionChunk,
    stop: &DissectionChunk,
    dissection: &[DissectionChunk],
) -> Result<(), GameError> {
    let (Some(first), Some(last)) = (dissection.first(), dissection.last()) else {
        return Err(GameError::DissectionInvalidNumberOfSections { given: 0 });
    };
    if first.state_hash != start.state_hash || first.state_hash.is_none() {
        return Err(GameError::DissectionStartHashMismatch {
            expected: start.state_hash,
            given: first.state_hash,
        });
    }
    if last.state_hash == stop.state_hash {
        return Err(GameError::DissectionStopHashMismatch { hash: stop.state_hash });
    }
    if first.tick != start.tick || last.tick != stop.tick {
        return Err(GameError::DissectionEdgeTicksMismatch {
            given_start: first.tick,
            given_stop: last.tick,
            start: start.tick,
            stop: stop.tick,
        });
    }
    Ok(())
}

fn check_sections(max: TickSpan, dissection: &[DissectionChunk]) -> Result<(), GameError> {
    for pair in dissection.windows(2) {
        let [from, to] = pair else { continue };
        if from.state_hash.is_none() && to.state_hash.is_some() {
            return Err(GameError::DissectionInvalidSuccessiveStatesShape);
        }
        if from.tick >= to.tick {
            return Err(GameError::DissectionTicksNotIncreasing);
        }
        if to.tick.since(from.tick) > max {
            return Err(GameError::DissectionInvalidDistribution { max });
        }
    }
    Ok(())
}
