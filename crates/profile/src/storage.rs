//! How much the durable storage holds.

use soru_pvm::durable::Durable;
use soru_pvm::lazy::ByteVector;
use soru_pvm::state::StateError;

/// No more values are counted: the copies of a copy cost a kernel nothing.
const KEYS_MAX: u64 = 1 << 20;

/// Values of the durable storage, those that the machine keeps there for itself included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageUse {
    /// Keys with a value.
    pub keys: u64,
    /// Bytes of the values.
    pub bytes: u64,
    /// Whether there are more than those that were counted.
    pub has_more: bool,
}

impl StorageUse {
    /// Counts the values of a storage, up to a million of them.
    pub fn of(durable: &Durable) -> Result<Self, StateError> {
        let none: [&str; 0] = [];
        let mut found = Self::default();
        let mut ahead = vec![durable.tree().clone()];
        while let Some(tree) = ahead.pop() {
            for (name, child) in tree.list(&none, 0, usize::MAX)? {
                match &*name {
                    b"@" if found.keys == KEYS_MAX => return Ok(Self { has_more: true, ..found }),
                    b"@" => {
                        found.keys += 1;
                        found.bytes = found.bytes.saturating_add(ByteVector::of_tree(child).length()?);
                    }
                    _ => ahead.push(child),
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_pvm::durable::Key;

    #[test]
    fn keys_and_bytes_are_counted() {
        let mut durable = Durable::default();
        assert_eq!(StorageUse::of(&durable).unwrap(), StorageUse::default());
        for (key, bytes) in [("/a", "12345"), ("/a/b", ""), ("/c/d/e", "x")] {
            durable.set(&Key::parse(key.as_bytes()).unwrap(), bytes.as_bytes()).unwrap();
        }
        let found = StorageUse::of(&durable).unwrap();
        assert_eq!(found, StorageUse { keys: 3, bytes: 6, has_more: false });
    }
}
