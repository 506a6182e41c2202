//! Sections of a run that a kernel marks itself, by what it writes for debugging.

use soru_exact::HostCall;
use soru_pvm::host::{HostFunction, HostValue};
use std::collections::BTreeMap;

/// What a text begins with that is meant for who profiles the kernel, as in today's debugger.
const MARK: &[u8] = b"__wasm_debugger__::";
/// No longer text is looked at.
const LENGTH_MAX: usize = 512;
/// No more sections are open at once, or told apart.
const SECTIONS_MAX: usize = 1 << 12;

/// Ticks between two texts that a kernel writes with `write_debug`: `__wasm_debugger__::start_section(NAME)` and
/// `__wasm_debugger__::end_section(NAME)`. Those inside of another section count to both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What the first of the two says.
    pub name: String,
    /// How often it was ended.
    pub times: u64,
    /// Ticks, from when the first call has done its work to when the second has.
    pub ticks: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Sections {
    open: Vec<(String, u64)>,
    found: BTreeMap<String, (u64, u64)>,
}

impl Sections {
    pub(crate) fn host_call(&mut self, call: &HostCall<'_>) {
        if call.function != HostFunction::WriteDebug {
            return;
        }
        let [HostValue::I32(address), HostValue::I32(length), ..] = call.args else { return };
        let length = *length as u32 as usize;
        if !(MARK.len()..=LENGTH_MAX).contains(&length) {
            return;
        }
        let mut text = vec![0; length];
        if call.memory.read(u64::from(*address as u32), &mut text).is_err() {
            return;
        }
        self.text(&text, call.used + call.ticks);
    }

    fn text(&mut self, text: &[u8], now: u64) {
        let Some(text) = text.strip_prefix(MARK) else { return };
        let argument = |name: &[u8]| {
            let inside = text.strip_prefix(name)?.strip_prefix(b"(")?;
            let end = inside.iter().rposition(|byte| *byte == b')')?;
            let clean = |c: char| if c.is_control() { '?' } else { c };
            Some(String::from_utf8_lossy(&inside[..end]).chars().map(clean).collect::<String>())
        };
        if let Some(name) = argument(b"start_section") {
            if self.open.len() < SECTIONS_MAX {
                self.open.push((name, now));
            }
        } else if argument(b"end_section").is_some()
            && let Some((name, since)) = self.open.pop()
            && (self.found.len() < SECTIONS_MAX || self.found.contains_key(&name))
        {
            let (times, ticks) = self.found.entry(name).or_default();
            *times += 1;
            *ticks += now.saturating_sub(since);
        }
    }

    /// What is still open has no end.
    pub(crate) fn finish(&mut self) {
        self.open.clear();
    }

    pub(crate) fn found(&self) -> Vec<Section> {
        let section = |(name, (times, ticks)): (&String, &(u64, u64))| Section {
            name: name.clone(),
            times: *times,
            ticks: *ticks,
        };
        self.found.iter().map(section).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_between_two_marks() {
        let mut sections = Sections::default();
        for (text, now) in [
            ("__wasm_debugger__::end_section(never begun)", 1),
            ("__wasm_debugger__::start_section(outer)", 10),
            ("something else", 11),
            ("__wasm_debugger__::start_section(in(ner)", 20),
            ("__wasm_debugger__::end_section()\n", 50),
            ("__wasm_debugger__::start_section(in(ner)", 60),
            ("__wasm_debugger__::end_section(data)", 61),
            ("__wasm_debugger__::unknown()", 70),
            ("__wasm_debugger__::end_section()", 110),
            ("__wasm_debugger__::start_section(open)", 120),
        ] {
            sections.text(text.as_bytes(), now);
        }
        sections.finish();
        let found: Vec<_> = sections.found().into_iter().map(|s| (s.name, s.times, s.ticks)).collect();
        assert_eq!(found, [("in(ner".to_owned(), 2, 31), ("outer".to_owned(), 1, 100)]);
    }
}
