//! What a kernel tells for debugging, told once although the run is made twice.

use soru_pvm::host::DebugSink;

/// Passes everything on and counts it.
pub(crate) struct Told<'a> {
    to: &'a mut dyn DebugSink,
    bytes: u64,
}

impl<'a> Told<'a> {
    pub(crate) fn new(to: &'a mut dyn DebugSink) -> Self {
        Self { to, bytes: 0 }
    }

    /// How many bytes it was.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl DebugSink for Told<'_> {
    fn debug(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.to.debug(bytes);
    }

    fn wants_bytes(&self) -> bool {
        self.to.wants_bytes()
    }
}

/// Passes on what comes after so many bytes, which were told before.
pub(crate) struct Rest<'a> {
    to: &'a mut dyn DebugSink,
    told: u64,
}

impl<'a> Rest<'a> {
    pub(crate) fn new(to: &'a mut dyn DebugSink, told: u64) -> Self {
        Self { to, told }
    }
}

impl DebugSink for Rest<'_> {
    fn debug(&mut self, bytes: &[u8]) {
        let known = usize::try_from(self.told).unwrap_or(usize::MAX).min(bytes.len());
        self.told -= known as u64;
        if known < bytes.len() {
            self.to.debug(&bytes[known..]);
        }
    }

    fn wants_bytes(&self) -> bool {
        self.to.wants_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_left_out() {
        let mut log = Vec::new();
        let mut first = Told::new(&mut log);
        first.debug(b"one ");
        first.debug(b"tw");
        let told = first.bytes();
        let mut second = Rest::new(&mut log, told);
        for part in [&b"one "[..], b"two ", b"three"] {
            second.debug(part);
        }
        assert_eq!(log, b"one two three");
    }
}
