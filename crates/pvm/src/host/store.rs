//! Host functions on the durable storage.

use super::io::{Span, address, check_load, load, store};
use super::{ErrorCode, Failure, HostState, HostTrap, Memory};
use crate::durable::{Key, KeyKind, MAX_IO, MAX_KEY_LEN};

impl HostState<'_> {
    pub(super) fn store_exists(&mut self, memory: &dyn Memory, key: Span) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        Ok(i32::from(self.durable.exists(&key)?))
    }

    pub(super) fn store_has(&mut self, memory: &dyn Memory, key: Span) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        let value = self.durable.value_len(&key)?.is_some();
        Ok(match (value, self.durable.count_children(&key)?) {
            (false, 0) => 0,
            (true, 1) => 1,
            (false, _) => 2,
            (true, _) => 3,
        })
    }

    pub(super) fn store_delete(&mut self, memory: &dyn Memory, key: Span) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        self.durable.writable(&key)?;
        self.durable.delete(&key, KeyKind::Directory)?;
        Ok(0)
    }

    pub(super) fn store_delete_value(&mut self, memory: &dyn Memory, key: Span) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        self.durable.writable(&key)?;
        self.durable.delete(&key, KeyKind::Value)?;
        Ok(0)
    }

    pub(super) fn store_list_size(&mut self, memory: &dyn Memory, key: Span) -> Result<i64, Failure> {
        let key = load_key(memory, key)?;
        Ok(i64::try_from(self.durable.count_children(&key)?).unwrap_or(i64::MAX))
    }

    pub(super) fn store_get_nth_key(
        &mut self,
        memory: &mut dyn Memory,
        key: Span,
        index: i64,
        dst: Span,
    ) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        // The machine's own integers have 63 bits.
        let name = self.durable.nth_child(&key, index << 1 >> 1)?;
        give(memory, name.as_bytes(), dst)
    }

    pub(super) fn store_get_hash(
        &mut self,
        memory: &mut dyn Memory,
        key: Span,
        dst: Span,
    ) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        let hash = self.durable.hash(&key, KeyKind::Directory)?.ok_or(ErrorCode::StoreNotANode)?;
        give(memory, hash.as_bytes(), dst)
    }

    pub(super) fn store_copy(&mut self, memory: &dyn Memory, from: Span, to: Span) -> Result<i32, Failure> {
        let (from, to) = (load_key(memory, from)?, load_key(memory, to)?);
        self.durable.writable(&to)?;
        self.durable.copy(&from, &to)?;
        Ok(0)
    }

    pub(super) fn store_move(&mut self, memory: &dyn Memory, from: Span, to: Span) -> Result<i32, Failure> {
        let (from, to) = (load_key(memory, from)?, load_key(memory, to)?);
        self.durable.writable(&from)?;
        self.durable.writable(&to)?;
        self.durable.move_tree(&from, &to)?;
        Ok(0)
    }

    pub(super) fn store_create(&mut self, memory: &dyn Memory, key: Span, size: i32) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        let size = u32::try_from(size).map_err(|_| ErrorCode::StoreValueSizeExceeded)?;
        self.durable.writable(&key)?;
        if self.durable.create(&key, size)? { Ok(0) } else { Err(ErrorCode::StoreValueAlreadyExists.into()) }
    }

    pub(super) fn store_value_size(&mut self, memory: &dyn Memory, key: Span) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        // Cut to 32 bits as the machine does.
        Ok(self.durable.value_len(&key)?.ok_or(ErrorCode::StoreNotAValue)? as i32)
    }

    pub(super) fn store_read(
        &mut self,
        memory: &mut dyn Memory,
        key: Span,
        offset: i32,
        (dst, max): Span,
    ) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        let bytes = self.durable.read(&key, i64::from(offset), i64::from(max))?;
        store(memory, dst, &bytes)?;
        Ok(bytes.len() as i32)
    }

    pub(super) fn store_write(
        &mut self,
        memory: &dyn Memory,
        key: Span,
        offset: i32,
        src: Span,
    ) -> Result<i32, Failure> {
        let key = load_key(memory, key)?;
        let len = self.durable.value_len(&key)?.unwrap_or(0) as i32;
        if len > len.wrapping_add(src.1) {
            return Err(ErrorCode::StoreValueSizeExceeded.into());
        }
        // The bytes are read first, however many they are.
        check_load(memory, src)?;
        let is_too_large = i64::from(src.1) > MAX_IO;
        let bytes = if is_too_large {
            memory.touch(address(src.0), u64::from(src.1 as u32));
            Vec::new()
        } else {
            load(memory, src)?
        };
        self.durable.writable(&key)?;
        if is_too_large {
            return Err(ErrorCode::InputOutputTooLarge.into());
        }
        self.durable.write(&key, i64::from(offset), &bytes)?;
        Ok(0)
    }
}

fn load_key(memory: &dyn Memory, span: Span) -> Result<Key, Failure> {
    if span.1 > MAX_KEY_LEN as i32 {
        return Err(ErrorCode::StoreKeyTooLarge.into());
    }
    Ok(Key::parse(&load(memory, span)?)?)
}

/// Writes as much of `bytes` as the kernel has room for, and says how much.
fn give(memory: &mut dyn Memory, bytes: &[u8], (dst, max): Span) -> Result<i32, Failure> {
    let Ok(max) = usize::try_from(max) else {
        // The machine asks for a part of negative length and does not survive it.
        let reason = "Invalid_argument(\"String.sub / Bytes.sub\")".to_owned();
        return Err(HostTrap::Stuck { reason }.into());
    };
    let bytes = &bytes[..bytes.len().min(max)];
    store(memory, dst, bytes)?;
    Ok(bytes.len() as i32)
}
