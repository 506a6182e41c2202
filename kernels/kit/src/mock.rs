//! A machine for unit tests: the same answers, without ticks.

use crate::Rollup;
use crate::host::{CHUNK, Host, MESSAGE_MAX, REBOOT, Refused};
use std::collections::{BTreeMap, VecDeque};

/// Messages that the outbox of a level has room for.
pub const OUTBOX: usize = 100;

/// A machine in memory.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mock {
    /// What is left of the inbox.
    pub inbox: VecDeque<Vec<u8>>,
    /// The outbox of the level.
    pub outbox: Vec<Vec<u8>>,
    /// What was written to the log.
    pub log: Vec<String>,
    /// The durable storage.
    pub storage: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Pages of the reveal channel.
    pub pages: BTreeMap<[u8; 33], Vec<u8>>,
    /// The rollup.
    pub rollup: Rollup,
}

impl Mock {
    /// A level: the kernel runs until it asks for no reboot. Returns the number of runs.
    pub fn level(&mut self, inbox: impl IntoIterator<Item = Vec<u8>>, run: impl Fn(&mut Self)) -> usize {
        self.inbox = inbox.into_iter().collect();
        self.outbox.clear();
        self.log.clear();
        for runs in 1.. {
            run(self);
            if self.storage.remove(REBOOT).is_none() {
                return runs;
            }
        }
        0
    }

    /// An external message to this rollup, without a signature.
    pub fn framed(&self, text: &[u8]) -> Vec<u8> {
        [&[1, 0], &self.rollup[..], text].concat()
    }
}

impl Host for Mock {
    fn read_input(&mut self, buffer: &mut [u8; MESSAGE_MAX]) -> Option<usize> {
        let message = self.inbox.pop_front()?;
        let length = message.len().min(MESSAGE_MAX);
        buffer[..length].copy_from_slice(&message[..length]);
        Some(length)
    }

    fn write_output(&mut self, message: &[u8]) -> Result<(), Refused> {
        if message.len() > MESSAGE_MAX {
            return Err(Refused(-2));
        }
        if self.outbox.len() == OUTBOX {
            return Err(Refused(-11));
        }
        self.outbox.push(message.to_vec());
        Ok(())
    }

    fn debug(&mut self, text: &str) {
        self.log.push(text.to_owned());
    }

    fn size(&self, key: &[u8]) -> Option<usize> {
        self.storage.get(key).map(Vec::len)
    }

    fn read(&self, key: &[u8], offset: usize, out: &mut [u8]) -> Result<usize, Refused> {
        assert!(out.len() <= CHUNK, "reads at most {CHUNK} bytes at once");
        let value = self.storage.get(key).ok_or(Refused(-3))?;
        let rest = value.get(offset..).ok_or(Refused(-5))?;
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write(&mut self, key: &[u8], offset: usize, bytes: &[u8]) -> Result<(), Refused> {
        assert!(bytes.len() <= CHUNK, "writes at most {CHUNK} bytes at once");
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(byte);
        assert!(key.len() <= 250 && key.starts_with(b"/") && key.iter().all(known), "{key:?} is no key");
        let value = self.storage.entry(key.to_vec()).or_default();
        if offset > value.len() {
            return Err(Refused(-5));
        }
        value.resize(value.len().max(offset + bytes.len()), 0);
        value[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Refused> {
        let before = self.storage.len();
        let below = [key, b"/"].concat();
        self.storage.retain(|known, _| known != key && !known.starts_with(&below));
        if self.storage.len() < before { Ok(()) } else { Err(Refused(-3)) }
    }

    fn reveal(&mut self, hash: &[u8; 33], page: &mut [u8; MESSAGE_MAX]) -> Result<usize, Refused> {
        // The machine would wait.
        let found = self.pages.get(hash).unwrap_or_else(|| panic!("no page {hash:?}"));
        page[..found.len()].copy_from_slice(found);
        Ok(found.len())
    }

    fn rollup(&mut self) -> Rollup {
        self.rollup
    }
}
