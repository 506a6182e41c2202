//! The engines that are compared.

use crate::kernels::Start;
use anyhow::Result;
use soru_base::TickSpan;
use soru_engine::Compiler;
use soru_pvm::durable::Durable;
use std::time::Duration;

/// Something that runs kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Soru's own ticks, one after another, as many at once as can be.
    Reference,
    /// The interpreter that counts ticks.
    TickExact,
    /// The compiled engine as the node uses it: it counts ticks.
    Metered(Compiler),
    /// The compiled engine without its counter.
    Unmetered(Compiler),
    /// Wasmtime on the kernel as it is, with the same host functions and compiler.
    Plain(Compiler),
    /// Wasmer on the kernel as it is, with Cranelift.
    Wasmer,
    /// The interpreter wasmi on the kernel as it is.
    Wasmi,
}

impl Engine {
    /// Those of this build.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Reference, Self::TickExact];
        for compiler in COMPILERS {
            all.extend([Self::Metered(compiler), Self::Unmetered(compiler), Self::Plain(compiler)]);
        }
        if RIVALS {
            all.extend([Self::Wasmer, Self::Wasmi]);
        }
        all
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        use Compiler::{Cranelift, Singlepass};
        match self {
            Self::Reference => "reference",
            Self::TickExact => "tick-exact",
            Self::Metered(Cranelift) => "compiled, cranelift",
            Self::Metered(Singlepass) => "compiled, singlepass",
            Self::Unmetered(Cranelift) => "unmetered, cranelift",
            Self::Unmetered(Singlepass) => "unmetered, singlepass",
            Self::Plain(Cranelift) => "Wasmtime, Cranelift",
            Self::Plain(Singlepass) => "Wasmtime, Winch",
            Self::Wasmer => "Wasmer, Cranelift",
            Self::Wasmi => "wasmi",
        }
    }

    /// Whether it makes single ticks, and gets less to do.
    pub fn is_slow(self) -> bool {
        self == Self::Reference
    }

    /// Makes a kernel ready to be run again and again.
    pub fn prepare(self, start: &Start) -> Result<Box<dyn Ready>> {
        crate::engines::prepare(self, start)
    }
}

/// Soru's compilers.
pub(crate) const COMPILERS: [Compiler; 2] = [Compiler::Cranelift, Compiler::Singlepass];

/// Whether engines of others are in this build: the feature `rivals`.
pub(crate) const RIVALS: bool = cfg!(feature = "rivals");

/// A kernel in an engine.
pub trait Ready {
    /// Makes the run, from a fresh instance to the return of `kernel_run`.
    fn run(&mut self, start: &Start) -> Result<Ran>;
}

/// A run that returned.
#[derive(Debug)]
pub struct Ran {
    /// What it took of the processor's time.
    pub time: Duration,
    /// Its ticks, if the engine counts them.
    pub ticks: Option<TickSpan>,
    /// The durable storage after it.
    pub durable: Durable,
}
