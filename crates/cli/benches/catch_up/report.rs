//! What was measured, for people and for scripts.

use crate::kernel::KernelRun;
use crate::node::CaughtUp;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// What was measured.
pub(crate) struct Report {
    pub(crate) levels: u32,
    /// External messages in each level.
    pub(crate) messages: u32,
    pub(crate) message_bytes: usize,
    /// What one write takes that waits for the disk.
    pub(crate) synced_write: Duration,
    /// What making the levels on the layer-1 took.
    pub(crate) made: Duration,
    pub(crate) caught_up: CaughtUp,
    /// Bytes that the layer-1 keeps on disk.
    pub(crate) layer1_bytes: u64,
    pub(crate) kernel: Vec<KernelRun>,
}

/// So many things in that time, a second.
fn rate(things: u64, time: Duration) -> f64 {
    things as f64 / time.as_secs_f64().max(1e-9)
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

impl Report {
    fn all_messages(&self) -> u64 {
        u64::from(self.levels) * u64::from(self.messages)
    }

    fn per_level(&self, bytes: u64) -> u64 {
        bytes / u64::from(self.levels.max(1))
    }

    pub(crate) fn to_json(&self) -> Value {
        let node = &self.caught_up;
        let kernel: Vec<Value> = self.kernel.iter().map(KernelRun::to_json).collect();
        json!({
            "levels": self.levels,
            "messages_per_level": self.messages,
            "message_bytes": self.message_bytes,
            "synced_write_seconds": self.synced_write.as_secs_f64(),
            "layer1": {
                "seconds": self.made.as_secs_f64(),
                "levels_per_second": rounded(rate(self.levels.into(), self.made)),
                "bytes": self.layer1_bytes,
                "bytes_per_level": self.per_level(self.layer1_bytes),
            },
            "catch_up": {
                "seconds": node.time.as_secs_f64(),
                "seconds_at_work": node.at_work.as_secs_f64(),
                "levels_per_second": rounded(rate(self.levels.into(), node.time)),
                "messages_per_second": rounded(rate(self.all_messages(), node.time)),
            },
            "node": {
                "bytes": node.bytes,
                "bytes_per_level": self.per_level(node.bytes),
                "states": node.store.states,
                "state_nodes": node.store.nodes,
                "state_bytes": node.store.node_bytes,
                "state_bytes_per_level": self.per_level(node.store.node_bytes),
            },
            "echo": kernel,
        })
    }
}

impl KernelRun {
    fn rate(&self) -> f64 {
        rate(u64::from(self.levels) * u64::from(self.messages), self.time)
    }

    fn level_time(&self) -> Duration {
        self.time / self.levels.max(1)
    }

    fn to_json(&self) -> Value {
        json!({
            "compiler": self.compiler.name(),
            "messages_per_level": self.messages,
            "levels": self.levels,
            "seconds_per_level": self.level_time().as_secs_f64(),
            "messages_per_second": rounded(self.rate()),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, result: String| writeln!(f, "{what:<62} {result}");
        let (levels, node) = (u64::from(self.levels), &self.caught_up);
        let title = format!("{levels} levels of {} messages of {} bytes", self.messages, self.message_bytes);
        line(&title, String::new())?;
        line("  a write that waits for the disk", format!("{:.2?}", self.synced_write))?;
        line("  layer-1: making them", format!("{:.0} levels a second", rate(levels, self.made)))?;
        line("  layer-1: on disk", self.size(self.layer1_bytes))?;
        line("  node: catching up", format!("{:.0} levels a second", rate(levels, node.time)))?;
        line("", format!("{:.0} messages a second", rate(self.all_messages(), node.time)))?;
        line("  node: time of it", format!("{:.2} s", node.time.as_secs_f64()))?;
        line("  node: of that at work on levels", format!("{:.2} s", node.at_work.as_secs_f64()))?;
        line("  node: on disk", self.size(node.bytes))?;
        line(&format!("  node: {} states in it", node.store.states), self.size(node.store.node_bytes))?;
        line("messages through the echo kernel alone", String::new())?;
        for run in &self.kernel {
            let what = format!("  {}, {} messages a level", run.compiler, run.messages);
            line(&what, format!("{:.0} messages a second, {:.1?} a level", run.rate(), run.level_time()))?;
        }
        Ok(())
    }
}

impl Report {
    fn size(&self, bytes: u64) -> String {
        let [all, level] = [bytes, self.per_level(bytes)].map(|bytes| bytes as f64 / 1024.0);
        format!("{:.1} MiB, {level:.1} KiB a level", all / 1024.0)
    }
}
