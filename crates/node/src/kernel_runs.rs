//! The calls of `kernel_run` in a level: the ticks that each really took, padding apart, and how it ended.

use serde_json::{Value, json};
use soru_base::bin::{put_bool, put_sized};
use soru_base::{Binary, DecodeError, Reader, TickSpan};
use soru_pvm::level::{Run, RunEnd};
use std::fmt;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It returned.
    Finished,
    /// It trapped.
    Trapped,
    /// The kernel was refused; the previous one took its place.
    Refused,
    /// The machine is stuck for ever.
    Stuck,
}

/// A call of `kernel_run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelRun {
    /// From its beginning to its padding, or to where the machine got stuck; nothing if the engine did not count them.
    pub ticks: Option<TickSpan>,
    /// How it ended.
    pub ending: Ending,
}

/// The calls of a level, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRuns {
    /// The ticks that one call may take.
    pub bound: TickSpan,
    /// The calls.
    pub runs: Vec<KernelRun>,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Finished, Self::Trapped, Self::Refused, Self::Stuck];

    /// One word for the RPC and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Trapped => "trapped",
            Self::Refused => "refused",
            Self::Stuck => "stuck",
        }
    }

    fn of(end: &RunEnd) -> Self {
        match end {
            RunEnd::Finished => Self::Finished,
            RunEnd::Trapped { .. } => Self::Trapped,
            RunEnd::FellBack { .. } => Self::Refused,
            RunEnd::Stuck { .. } => Self::Stuck,
            RunEnd::TickByTick { end, .. } => Self::of(end),
        }
    }
}

impl From<&Run> for KernelRun {
    fn from(run: &Run) -> Self {
        Self { ticks: run.ticks, ending: Ending::of(&run.end) }
    }
}

impl KernelRuns {
    /// The calls of a level, each of which may take `bound` ticks.
    pub fn new(bound: TickSpan, runs: &[Run]) -> Self {
        Self { bound, runs: runs.iter().map(KernelRun::from).collect() }
    }

    /// Ticks of the longest call that were counted.
    pub fn most(&self) -> Option<TickSpan> {
        self.runs.iter().filter_map(|run| run.ticks).max()
    }

    /// As the RPC shows them.
    pub fn to_json(&self) -> Value {
        let run =
            |run: &KernelRun| json!({"ticks": run.ticks.map(|t| t.to_string()), "end": run.ending.name()});
        json!({"bound": self.bound.to_string(), "runs": self.runs.iter().map(run).collect::<Vec<_>>()})
    }
}

/// Ticks of the calls, in one word; of many calls their number and the longest one.
impl fmt::Display for KernelRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        let text = |ticks: Option<TickSpan>| ticks.map_or("?".to_owned(), |ticks| ticks.to_string());
        if self.runs.len() > SHOWN {
            return write!(f, "{}x<={}", self.runs.len(), text(self.most()));
        }
        let each: Vec<String> = self.runs.iter().map(|run| text(run.ticks)).collect();
        f.write_str(&each.join("+"))
    }
}

impl Binary for KernelRuns {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bound.0.to_be_bytes());
        put_sized(out, |out| {
            for run in &self.runs {
                out.push(match run.ending {
                    Ending::Finished => 0,
                    Ending::Trapped => 1,
                    Ending::Refused => 2,
                    Ending::Stuck => 3,
                });
                put_bool(out, run.ticks.is_some());
                out.extend(run.ticks.iter().flat_map(|ticks| ticks.0.to_be_bytes()));
            }
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bound = TickSpan(r.u64("bound of ticks")?);
        let mut r = r.sub("kernel runs")?;
        let mut runs = Vec::new();
        while !r.is_empty() {
            let ending = match r.u8("end of a run")? {
                0 => Ending::Finished,
                1 => Ending::Trapped,
                2 => Ending::Refused,
                3 => Ending::Stuck,
                other => return Err(r.invalid("end of a run", format!("expected 0 to 3, found {other}"))),
            };
            let counted = r.bool("ticks were counted")?;
            let ticks = counted.then(|| r.u64("ticks of a run").map(TickSpan)).transpose()?;
            runs.push(KernelRun { ticks, ending });
        }
        Ok(Self { bound, runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(ticks: &[u64]) -> KernelRuns {
        let run = |(i, n): (usize, &u64)| KernelRun {
            ticks: (*n > 0).then_some(TickSpan(*n)),
            ending: Ending::ALL[i % 4],
        };
        KernelRuns { bound: TickSpan(11_000_000_000), runs: ticks.iter().enumerate().map(run).collect() }
    }

    #[test]
    fn they_survive_their_bytes() {
        for ticks in [&[][..], &[1], &[0, u64::MAX, 7, 0, 9]] {
            let runs = runs(ticks);
            assert_eq!(KernelRuns::from_bytes(&runs.to_bytes()).unwrap(), runs);
        }
        let mut bytes = runs(&[5]).to_bytes();
        bytes[12] = 4;
        assert!(KernelRuns::from_bytes(&bytes).unwrap_err().to_string().contains("expected 0 to 3, found 4"));
    }

    #[test]
    fn few_are_shown_each_and_of_many_the_longest() {
        for (ticks, shown) in [
            (&[][..], ""),
            (&[6_831], "6831"),
            (&[6_831, 0, 3], "6831+?+3"),
            (&[1, 2, 9, 0, 4], "5x<=9"),
            (&[0, 0, 0, 0, 0], "5x<=?"),
        ] {
            assert_eq!(runs(ticks).to_string(), shown);
        }
    }

    #[test]
    fn a_run_that_went_tick_by_tick_ended_as_it_ended() {
        let end = RunEnd::TickByTick {
            reason: "too large".to_owned(),
            end: Box::new(RunEnd::Trapped { reason: "unreachable".to_owned() }),
        };
        let run = Run { end, ticks: Some(TickSpan(3)), then: None };
        let runs = KernelRuns::new(TickSpan(9), &[run]);
        assert_eq!(runs.to_json(), json!({"bound": "9", "runs": [{"ticks": "3", "end": "trapped"}]}));
    }
}
