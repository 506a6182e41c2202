//! What the demo found.

use super::Ending;
use serde_json::{Value, json};

/// What the demo found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rollup: String,
    pub(crate) levels: Vec<LevelStates>,
    pub(crate) commitments: Vec<CommitmentFound>,
    pub(crate) outbox: OutboxFound,
    /// Names and addresses of what runs.
    pub(crate) addresses: Vec<(String, String)>,
}

/// The state hashes of both nodes at a level.
#[derive(Debug)]
pub(crate) struct LevelStates {
    pub(crate) level: u32,
    pub(crate) operator: String,
    pub(crate) observer: String,
}

#[derive(Debug)]
pub(crate) struct CommitmentFound {
    pub(crate) hash: String,
    pub(crate) inbox_level: u32,
    pub(crate) cemented: bool,
}

/// The outbox message that was executed.
#[derive(Debug, Default)]
pub(crate) struct OutboxFound {
    pub(crate) level: u32,
    pub(crate) index: u32,
    /// Hash of the block with the operation that executed it.
    pub(crate) block: String,
    pub(crate) storage_before: String,
    pub(crate) storage_after: String,
}

impl Report {
    fn first_difference(&self) -> Option<&LevelStates> {
        self.levels.iter().find(|l| l.operator != l.observer)
    }

    /// Whether everything is as it should be.
    fn is_ok(&self) -> bool {
        self.first_difference().is_none()
            && self.outbox.storage_before != self.outbox.storage_after
            && self.commitments.iter().any(|c| c.cemented)
    }
}

impl Ending for Report {
    fn addresses(&self) -> &[(String, String)] {
        &self.addresses
    }

    fn complaint(&self) -> Option<String> {
        if self.is_ok() {
            return None;
        }
        Some(match self.first_difference() {
            Some(l) => format!(
                "the nodes differ at level {}: the operator has {}, the observer {}",
                l.level, l.operator, l.observer
            ),
            None if self.outbox.storage_before == self.outbox.storage_after => {
                "the outbox message did not change the contract".to_owned()
            }
            None => "no commitment was cemented".to_owned(),
        })
    }

    fn summary(&self) -> String {
        let cemented = self.commitments.iter().filter(|c| c.cemented).count();
        format!(
            "Both nodes agree at {} levels; {} commitments, {cemented} of them cemented; the outbox message was executed.",
            self.levels.len(),
            self.commitments.len()
        )
    }

    fn to_json(&self) -> Value {
        let levels: Vec<Value> = self
            .levels
            .iter()
            .map(|l| json!({ "level": l.level, "operator": l.operator, "observer": l.observer }))
            .collect();
        let commitments: Vec<Value> = self
            .commitments
            .iter()
            .map(|c| json!({ "hash": c.hash, "inbox_level": c.inbox_level, "cemented": c.cemented }))
            .collect();
        json!({
            "ok": self.is_ok(),
            "rollup": self.rollup,
            "levels": levels,
            "commitments": commitments,
            "outbox": {
                "level": self.outbox.level,
                "index": self.outbox.index,
                "block": self.outbox.block,
                "storage_before": self.outbox.storage_before,
                "storage_after": self.outbox.storage_after,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(observer: &str, after: &str) -> Report {
        Report {
            levels: vec![LevelStates { level: 3, operator: "a".into(), observer: observer.into() }],
            commitments: vec![CommitmentFound { hash: "c".into(), inbox_level: 3, cemented: true }],
            outbox: OutboxFound {
                storage_before: "0x".into(),
                storage_after: after.into(),
                ..OutboxFound::default()
            },
            ..Report::default()
        }
    }

    #[test]
    fn any_difference_is_a_failure_that_names_it() {
        assert!(report("a", "0x01").is_ok());
        let differing = report("b", "0x01");
        assert!(!differing.is_ok() && differing.to_json()["ok"] == json!(false));
        let complaint = |report: Report| report.complaint().unwrap_or_default();
        assert_eq!(complaint(differing), "the nodes differ at level 3: the operator has a, the observer b");
        assert_eq!(complaint(report("a", "0x")), "the outbox message did not change the contract");
        assert_eq!(report("a", "0x01").complaint(), None);
    }
}
