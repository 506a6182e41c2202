//! Keys of the durable storage with hashes in them.

/// Most bytes of a key.
const MAX: usize = 250;

/// A key that is put together step by step.
#[derive(Debug, Clone)]
pub struct Key {
    bytes: [u8; MAX],
    length: usize,
}

impl Key {
    /// A key, slash included.
    pub fn new(key: &[u8]) -> Self {
        let mut new = Self { bytes: [0; MAX], length: 0 };
        key.iter().for_each(|&byte| new.push(byte));
        new
    }

    /// The key below, whose name is these bytes in hexadecimal.
    #[must_use]
    pub fn hex(mut self, name: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.push(b'/');
        for byte in name {
            self.push(DIGITS[usize::from(byte >> 4)]);
            self.push(DIGITS[usize::from(byte & 15)]);
        }
        self
    }

    /// The key below of that name.
    #[must_use]
    pub fn step(mut self, name: &[u8]) -> Self {
        self.push(b'/');
        name.iter().for_each(|&byte| self.push(byte));
        self
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    // What is too long is cut: the kernels' keys are not.
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn keys_have_steps() {
        let key = Key::new(b"/a").hex(&[0, 0xfe]).step(b"b");
        assert_eq!(key.as_bytes(), b"/a/00fe/b");
        assert_eq!(Key::new(b"/a").hex(&[1; 200]).as_bytes().len(), 250);
    }
}
