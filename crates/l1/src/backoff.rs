//! How long to wait before the next attempt.

use std::time::Duration;

/// Waits that double from `first` up to `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), longest: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// The wait before attempt number `attempt`, counted from 0.
    pub fn wait(&self, attempt: u32) -> Duration {
        self.first.saturating_mul(2u32.saturating_pow(attempt)).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(1) };
        let waits: Vec<_> = (0..5).map(|n| backoff.wait(n).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.wait(u32::MAX), backoff.longest);
    }
}
