//! The kernels that are measured, and machines that are about to run them.

use anyhow::{Context, Result, ensure};
use soru_base::bin::Binary;
use soru_base::{Level, RollupAddress};
use soru_merkle::Tree;
use soru_pvm::durable::{Durable, Key};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::reveal::{Metadata, RevealError, RevealSource};
use soru_pvm::run::Kernel;
use soru_pvm::state::{InputPlace, TickState};
use soru_pvm::{Limits, Machine, Version};

/// A kernel with work to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bench {
    /// Arithmetic on locals.
    Compute,
    /// Small functions, called directly and through a table.
    Calls,
    /// Loads and stores in 192 KiB of memory.
    Memory,
    /// Reads and writes of the durable storage.
    Storage,
    /// Signatures checked by a kernel in Rust: `library` with forged requests.
    Signatures,
    /// Messages through a kernel made with the official SDK: `notary`.
    Sdk,
    /// Stores all over 100 MiB of memory.
    Wide,
}

/// How much work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// As little as there is: what is left is the beginning of a run.
    Least,
    /// Enough for an engine of some 60 million ticks a second.
    Small,
    /// Enough for an engine that is ten times as fast as that and more, in a hurry.
    Quick,
    /// Enough for a compiler.
    Full,
}

impl Bench {
    /// The kernels on which engines are compared.
    pub const COMPARED: [Self; 6] =
        [Self::Compute, Self::Calls, Self::Memory, Self::Storage, Self::Signatures, Self::Sdk];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Calls => "calls",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::Signatures => "signatures",
            Self::Sdk => "sdk",
            Self::Wide => "wide",
        }
    }

    /// What it does.
    pub fn about(self) -> &'static str {
        match self {
            Self::Compute => "arithmetic on locals",
            Self::Calls => "small functions, called directly and through a table",
            Self::Memory => "a sieve: loads and stores in 192 KiB",
            Self::Storage => "512 bytes written to the durable storage, 512 read",
            Self::Signatures => "ed25519 signatures checked by the kernel `library`, in Rust",
            Self::Sdk => "messages through the kernel `notary`, in Rust with the official SDK",
            Self::Wide => "stores all over 100 MiB",
        }
    }

    /// How often its work is to be done.
    pub fn rounds(self, size: Size) -> u32 {
        let [small, quick, full] = match self {
            Self::Compute => [150_000, 8_000_000, 25_000_000],
            Self::Calls => [1_500, 60_000, 200_000],
            Self::Memory => [4, 200, 700],
            Self::Storage => [2_000, 5_000, 20_000],
            // A run checks 64 of them at most.
            Self::Signatures => [1, 25, 60],
            Self::Sdk => [500, 2_000, 5_000],
            Self::Wide => [500_000, 5_000_000, 20_000_000],
        };
        match size {
            Size::Least => 1,
            Size::Small => small,
            Size::Quick => quick,
            Size::Full => full,
        }
    }

    /// Its bytes.
    pub fn wasm(self) -> Result<Vec<u8>> {
        let text = match self {
            Self::Compute => include_str!("../kernels/compute.wat"),
            Self::Calls => include_str!("../kernels/calls.wat"),
            Self::Memory => include_str!("../kernels/memory.wat"),
            Self::Storage => include_str!("../kernels/storage.wat"),
            Self::Wide => include_str!("../kernels/wide.wat"),
            Self::Signatures => return Ok(soru_kernels::LIBRARY.to_vec()),
            Self::Sdk => return Ok(soru_kernels::NOTARY.to_vec()),
        };
        let prelude = include_str!("../kernels/prelude.wat");
        wat::parse_str(format!("(module\n{prelude}\n{text})")).with_context(|| self.name().to_owned())
    }

    /// What it reads, the protocol's messages included.
    pub fn messages(self, rounds: u32) -> Result<Vec<Vec<u8>>> {
        let mut messages = vec![b"\0\x01".to_vec()];
        match self {
            Self::Signatures => {
                let forged = [&[1], &request()?.forged()[..]].concat();
                messages.extend((0..rounds).map(|_| forged.clone()));
            }
            Self::Sdk => messages.extend((0..rounds).map(|number| external(number, 100))),
            _ => messages.push([&[1], &rounds.to_le_bytes()[..]].concat()),
        }
        messages.push(b"\0\x02".to_vec());
        Ok(messages)
    }

    /// The state of a rollup with this kernel that has read nothing yet.
    pub fn state(self) -> Result<Tree> {
        let mut tree = initial_state(Version::V0)?;
        install_boot_sector(&mut tree, &self.wasm()?, Limits::FIRST)?;
        if self == Self::Signatures {
            let mut machine = Machine::from_tree(&tree)?;
            machine.durable.set(&Key::parse(b"/librarian")?, &request()?.key)?;
            machine.apply(&mut tree)?;
        }
        Ok(tree)
    }

    /// A machine that is about to make the run.
    pub fn start(self, rounds: u32) -> Result<Start> {
        let mut machine = Machine::from_tree(&self.state()?)?;
        for (counter, message) in (0..).zip(self.messages(rounds)?) {
            machine.set_input(InputPlace { level: Level::GENESIS.next(), counter }, &message)?;
        }
        // What is left of the level is padding.
        machine.step(Limits::FIRST.ticks_per_snapshot.0 - machine.current_tick.0, &mut ())?;
        ensure!(matches!(machine.tick_state, TickState::Snapshot), "{} does not begin a run", self.name());
        let kernel = Kernel::of_durable(&machine.durable)?.context("a state without a kernel")?;
        Ok(Start { machine, kernel })
    }
}

/// Where a run begins.
pub struct Start {
    /// The machine.
    pub machine: Machine,
    /// Its kernel.
    pub kernel: Kernel,
}

/// Another message for every number.
pub(crate) fn external(number: u32, bytes: usize) -> Vec<u8> {
    [1].into_iter().chain(number.to_be_bytes().into_iter().cycle().take(bytes)).collect()
}

/// The rollup has the address of all zeros: the request of the example was signed for it.
pub(crate) const METADATA: Metadata =
    Metadata { address: RollupAddress::ZERO, origination_level: Level::GENESIS };

/// Reveals the metadata, and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MetadataOnly;

impl RevealSource for MetadataOnly {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        match request {
            [1] => Ok(METADATA.to_bytes()),
            _ => Err(RevealError::new("a benchmark reveals its metadata alone")),
        }
    }
}

/// A request that a librarian signed.
struct Request {
    key: [u8; 32],
    bytes: Vec<u8>,
}

fn request() -> Result<Request> {
    let inputs: serde_json::Value = serde_json::from_str(include_str!("../../kernels/library/inputs.json"))?;
    let bytes = hex::decode(inputs[0][0]["external"].as_str().context("a request in hexadecimal")?)?;
    // Behind a zero and the rollup's address.
    let key = bytes.get(21..53).context("a request with a key")?.try_into()?;
    Ok(Request { key, bytes })
}

impl Request {
    /// The same for another page: the signature has to be checked, and is wrong.
    fn forged(mut self) -> Vec<u8> {
        // Behind the key, the nonce, the command and the kind of the hash.
        if let Some(byte) = self.bytes.get_mut(53 + 8 + 2) {
            *byte ^= 1;
        }
        self.bytes
    }
}

/// The storage after a run, to compare engines by.
pub(crate) fn digest(durable: &Durable) -> Result<String> {
    Ok(durable.tree().hash()?.to_string())
}
