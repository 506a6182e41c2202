//! Unit tests of Michelson in the network's format, TZT: a file says code, the stack it begins with and what has to come of it.
//!
//! A file is a list of declarations: `code`, `input` and `output` are needed. Others say what the code finds around it: `amount`,
//! `balance`, `now`, `level`, `sender`, `source`, `self`, `parameter`, `chain_id`, `min_block_time`, `voting_power`,
//! `total_voting_power`, `other_contracts`, `big_maps`, `storages`, `views`. In what has to come, `_` stands for anything.

mod chain;
mod file;
mod outcome;
mod run;

pub use file::{Test, TestError};
pub use outcome::matches;
pub use run::run;

use std::collections::BTreeMap;
use std::fmt;

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// What has to come came.
    Passed,
    /// It uses a part of the language that is refused here, whose name is given.
    Refused(String),
    /// Something else came, or the test cannot be read.
    Failed(String),
}

/// What became of many tests.
#[derive(Debug, Default)]
pub struct Report {
    /// The verdicts by the names of the tests.
    pub verdicts: BTreeMap<String, Verdict>,
}

impl Report {
    /// Runs a test, and notes what became of it.
    pub fn add(&mut self, name: &str, text: &str) {
        let verdict = Test::parse(text).map_or_else(|e| Verdict::Failed(e.to_string()), run);
        self.verdicts.insert(name.to_owned(), verdict);
    }

    /// How many tests passed, were refused, failed.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for verdict in self.verdicts.values() {
            counts[match verdict {
                Verdict::Passed => 0,
                Verdict::Refused(_) => 1,
                Verdict::Failed(_) => 2,
            }] += 1;
        }
        counts
    }
}

impl fmt::Display for Report {
    /// Every test that did not pass, with the reason, and the counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, verdict) in &self.verdicts {
            match verdict {
                Verdict::Passed => {}
                Verdict::Refused(what) => writeln!(f, "refused  {name}: {what}")?,
                Verdict::Failed(why) => writeln!(f, "failed   {name}: {why}")?,
            }
        }
        let [passed, refused, failed] = self.counts();
        write!(f, "{} tests: {passed} passed, {refused} refused, {failed} failed", self.verdicts.len())
    }
}
