//! What processes take: memory and disk, over a long run.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Kilobytes of memory that a process has now.
pub(super) fn resident_kb(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Kilobytes of all files below a folder.
pub(super) fn disk_kb(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_kb(&entry.path()),
        Ok(metadata) => metadata.len() / 1024,
        Err(_) => 0,
    });
    sizes.sum()
}

/// Numbers that were measured again and again, under their names.
#[derive(Default)]
pub(super) struct Series(BTreeMap<String, Vec<u64>>);

impl Series {
    pub(super) fn add(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.0.entry(name.to_owned()).or_default().push(value);
        }
    }

    /// Of each: the most, and the median of each quarter of the run.
    pub(super) fn to_json(&self) -> Value {
        self.0.iter().map(|(name, values)| (name.clone(), told(values))).collect()
    }
}

fn told(values: &[u64]) -> Value {
    json!({ "max": values.iter().max(), "quarters": quarters(values) })
}

fn quarters(values: &[u64]) -> Vec<u64> {
    let size = values.len().div_ceil(4).max(1);
    let medians = values.chunks(size).map(|quarter| {
        let mut sorted = quarter.to_vec();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    });
    medians.collect()
}
