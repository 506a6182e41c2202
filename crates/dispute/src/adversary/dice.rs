use soru_base::StateHash;
use soru_base::blake2b::hash32_parts;

/// Lots that follow from what they are drawn for: the same ones after a restart.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    seed: [u8; 32],
    rolled: u64,
}

impl Dice {
    /// The lots for `occasion`, each part of which counts.
    pub(super) fn of(occasion: &[&[u8]]) -> Self {
        // Lengths keep the parts apart.
        let lengths: Vec<_> = occasion.iter().flat_map(|part| part.len().to_be_bytes()).collect();
        Self { seed: hash32_parts(&[&[lengths.as_slice()], occasion].concat()), rolled: 0 }
    }

    /// Other lots, for a part of the occasion.
    pub(super) fn apart(&self, what: u64) -> Self {
        Self { seed: hash32_parts(&[&self.seed, &what.to_be_bytes()]), rolled: 0 }
    }

    fn bytes32(&mut self) -> [u8; 32] {
        self.rolled += 1;
        hash32_parts(&[&self.seed, b"roll", &self.rolled.to_be_bytes()])
    }

    pub(super) fn roll(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes32();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Less than `n`; 0 if that is 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.roll().checked_rem(n).unwrap_or(0)
    }

    /// Less than `n`, of any magnitude.
    pub(super) fn magnitude_below(&mut self, n: u64) -> u64 {
        let bits = self.below(u64::from(64 - n.leading_zeros()));
        self.below((n >> bits).max(1))
    }

    /// The hash of no state.
    pub(super) fn noise(&mut self) -> StateHash {
        StateHash(self.bytes32())
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 32);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.bytes32());
        }
        bytes.truncate(count);
        bytes
    }
}
