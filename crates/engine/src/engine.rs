//! The engine: settings, compiled kernels, status.

use crate::cache::{DiskCache, Key};
use crate::compiler::Compiler;
use crate::deadline::Ticker;
use crate::execute::{STACK_BYTES, execute};
use crate::host::{Surroundings, linker};
use crate::kind::Kind;
use crate::link::{Imported, link};
use crate::prepare::{Verdict, examine};
use crate::status::{Counters, Status, count};
use soru_base::hash::ContextHash;
use soru_base::tick::TickSpan;
use soru_exact::TickExact;
use soru_pvm::Machine;
use soru_pvm::host::HostState;
use soru_pvm::run::{Kernel, Outcome, Passage, Runner, RunnerError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;
use wasmtime::{Config, InstancePre, Linker};

/// How many kernels are kept ready in memory. A rollup has one, and now and then a new one.
const KERNELS_IN_MEMORY: usize = 32;

/// Settings of an engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which engine.
    pub kind: Kind,
    /// The compiler.
    pub compiler: Compiler,
    /// Folder for compiled kernels; none, and they are compiled again by every process. It is made if it is not there,
    /// and must not be writable by others: what is in it is run.
    pub cache: Option<PathBuf>,
    /// Longest time of one `kernel_run`.
    pub deadline: Duration,
    /// Whether compiled kernels count their ticks. Without it a run has no bound, no deadline and no number of ticks: for
    /// measurements only.
    pub metered: bool,
}

impl Default for Options {
    fn default() -> Self {
        const DEADLINE: Duration = Duration::from_secs(60);
        Self {
            kind: Kind::default(),
            compiler: Compiler::default(),
            cache: None,
            deadline: DEADLINE,
            metered: true,
        }
    }
}

/// An engine could not be made.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The folder for compiled kernels cannot be used.
    #[error("cannot use {folder} for compiled kernels: {source}")]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that watches over deadlines cannot be started.
    #[error("cannot start the thread that watches over deadlines: {0}")]
    Thread(#[from] std::io::Error),
    /// The compiler refuses its settings.
    #[error("the {compiler} compiler cannot be used on this machine: {reason}")]
    Compiler {
        /// Which.
        compiler: Compiler,
        /// Why.
        reason: String,
    },
}

/// Runs kernels as machine code. Can be shared between threads.
pub struct Engine {
    options: Options,
    backend: Backend,
    /// The compiler for what `singlepass` does not take.
    retreat: OnceLock<Backend>,
    disk: Option<DiskCache>,
    ticker: Ticker,
    ready: Mutex<Ready>,
    exact: TickExact,
    counters: Counters,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("options", &self.options).field("status", &self.status()).finish()
    }
}

impl Engine {
    /// An engine of these settings.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        let ticker = Ticker::start()?;
        let backend = Backend::new(options.compiler, &ticker)?;
        let open = |folder: &PathBuf| {
            let cache = DiskCache::open(folder);
            cache.map_err(|source| EngineError::Cache { folder: folder.clone(), source })
        };
        let disk = options.cache.as_ref().map(open).transpose()?;
        Ok(Self {
            backend,
            retreat: OnceLock::new(),
            disk,
            ticker,
            ready: Mutex::default(),
            exact: TickExact::new(),
            counters: Counters::default(),
            options,
        })
    }

    /// What it has done so far.
    pub fn status(&self) -> Status {
        self.counters.status(self.options.kind, self.options.compiler)
    }

    fn prepared(&self, kernel: &Kernel) -> Result<Arc<Prepared>, RunnerError> {
        let place = self.ready.lock().unwrap_or_else(PoisonError::into_inner).place(kernel.hash());
        // Two threads with the same kernel: one compiles it, the other waits.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = &*place {
            return Ok(prepared.clone());
        }
        let prepared = Arc::new(self.prepare(kernel)?);
        *place = Some(prepared.clone());
        Ok(prepared)
    }

    fn prepare(&self, kernel: &Kernel) -> Result<Prepared, RunnerError> {
        if let Some(prepared) = self.load_from_disk(kernel.hash(), &self.backend) {
            return Ok(prepared);
        }
        let bytes = kernel.load()?;
        let examined = examine(&bytes);
        let body = match examined.verdict {
            Verdict::Ended(end) => Body::Ended(end),
            Verdict::Compile(rewritten) => match self.compile(kernel.hash(), bytes.len(), &rewritten) {
                Ok(instance) => Body::Ready(instance),
                Err(error) => Body::Ended(Err(error)),
            },
        };
        Ok(Prepared { imports: examined.imports, body })
    }

    fn compile(
        &self,
        kernel: ContextHash,
        size: usize,
        rewritten: &[u8],
    ) -> Result<InstancePre<Surroundings>, RunnerError> {
        let refused = match self.compile_with(&self.backend, kernel, size, rewritten) {
            Ok(instance) => return Ok(instance),
            Err(error) => error,
        };
        let unsupported = |error: wasmtime::Error| RunnerError::Unsupported { reason: format!("{error:#}") };
        if self.options.compiler == Compiler::Cranelift {
            return Err(unsupported(refused));
        }
        count(&self.counters.retreats);
        tracing::warn!(kernel = %kernel, "singlepass does not take this kernel ({refused:#}): using cranelift");
        let retreat = match self.retreat.get() {
            Some(backend) => backend,
            None => {
                let backend = Backend::new(Compiler::Cranelift, &self.ticker);
                let backend = backend.map_err(|error| RunnerError::Engine(error.to_string()))?;
                self.retreat.get_or_init(|| backend)
            }
        };
        if let Some(Prepared { body: Body::Ready(instance), .. }) = self.load_from_disk(kernel, retreat) {
            return Ok(instance);
        }
        self.compile_with(retreat, kernel, size, rewritten).map_err(unsupported)
    }

    fn compile_with(
        &self,
        backend: &Backend,
        kernel: ContextHash,
        size: usize,
        rewritten: &[u8],
    ) -> wasmtime::Result<InstancePre<Surroundings>> {
        let start = Instant::now();
        let module = wasmtime::Module::new(&backend.engine, rewritten)?;
        let instance = backend.linker.instantiate_pre(&module)?;
        count(&self.counters.compiled);
        let ms = start.elapsed().as_millis();
        tracing::info!(%kernel, size, ms, compiler = %backend.compiler, cached = false, "kernel compiled");
        if let Some(disk) = &self.disk {
            let key = Key::new(kernel, backend.compiler, &backend.engine);
            // A kernel that cannot be kept can be run all the same.
            if let Err(error) = disk.store(&key, &module.serialize()?) {
                tracing::warn!(%kernel, "cannot keep the compiled kernel: {error}");
            }
        }
        Ok(instance)
    }

    fn load_from_disk(&self, kernel: ContextHash, backend: &Backend) -> Option<Prepared> {
        let disk = self.disk.as_ref()?;
        let key = Key::new(kernel, backend.compiler, &backend.engine);
        let start = Instant::now();
        let bytes = match disk.load(&key) {
            Ok(bytes) => bytes?,
            Err(error) => {
                tracing::warn!(%kernel, "cannot read the compiled kernel: {error}");
                return None;
            }
        };
        let module = match backend.deserialize(&bytes) {
            Ok(module) => module,
            Err(error) => {
                tracing::warn!(%kernel, "cannot use the compiled kernel: {error:#}; compiling again");
                disk.remove(&key);
                return None;
            }
        };
        let imports =
            module.imports().map(|import| (import.module().to_owned(), import.name().to_owned())).collect();
        let instance = backend.linker.instantiate_pre(&module).ok()?;
        count(&self.counters.loaded);
        let (ms, size) = (start.elapsed().as_millis(), bytes.len());
        tracing::info!(%kernel, size, ms, compiler = %backend.compiler, cached = true, "compiled kernel loaded");
        Some(Prepared { imports, body: Body::Ready(instance) })
    }
}

impl Engine {
    fn compiled_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let prepared = self.prepared(kernel)?;
        if let Err(refused) = link(&prepared.imports, host.version) {
            return Ok(refused);
        }
        let result = match &prepared.body {
            Body::Ended(end) => end.clone(),
            Body::Ready(instance) => {
                execute(instance, host, self.options.deadline).and_then(|(outcome, took)| {
                    if could_take_more(took, host.ticks, kernel.length()?) {
                        count(&self.counters.over);
                        let (ms, most) = (took.as_millis(), host.ticks);
                        let reason =
                            format!("it computed for {ms} ms, and may have taken more than {most} ticks");
                        return Err(RunnerError::Unsupported { reason });
                    }
                    Ok(outcome)
                })
            }
        };
        if let Err(RunnerError::Deadline { .. }) = &result {
            count(&self.counters.deadlines);
            tracing::error!(kernel = %kernel.hash(), deadline = ?self.options.deadline, "kernel_run did not end in time");
        }
        result
    }
}

impl Runner for Engine {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        count(&self.counters.runs);
        let (result, decided) = match self.options.kind {
            Kind::Compiled => (self.compiled_run(kernel, host), &self.counters.by_compiled),
            Kind::TickExact => (self.exact.kernel_run(kernel, host), &self.counters.by_tick_exact),
            Kind::Reference => {
                let reason = "the machine itself was asked for".to_owned();
                (Err(RunnerError::Unsupported { reason }), &self.counters.by_reference)
            }
        };
        match &result {
            Ok(_) => count(decided),
            Err(RunnerError::Unsupported { .. }) => count(&self.counters.by_reference),
            Err(_) => (),
        }
        let ticks = host.ticks_used.map_or(0, |ticks| ticks.0);
        self.counters.ticks.fetch_add(ticks, Ordering::Relaxed);
        result
    }

    fn passage(&self, machine: &Machine) -> Result<Option<Box<dyn Passage>>, RunnerError> {
        match self.options.kind {
            Kind::Compiled | Kind::TickExact => self.exact.passage(machine),
            Kind::Reference => Ok(None),
        }
    }
}

/// Whether a run that computed for so long could have taken more ticks than it may. This engine counts none; but an
/// instruction is some eight ticks, and compiled code makes some tens of them in a nanosecond at the very most. So a short
/// run is surely within its ticks, and a long one has to be counted.
fn could_take_more(took: Duration, ticks: TickSpan, kernel_len: u64) -> bool {
    const PER_NANOSECOND: u128 = 500;
    // Decoding and initialising a kernel, with its data.
    const PER_BYTE: u64 = 64;
    let left = ticks.0.saturating_sub(kernel_len.saturating_mul(PER_BYTE));
    took.as_nanos().saturating_mul(PER_NANOSECOND) >= left.into()
}

/// A kernel ready to be run, or known not to be.
struct Prepared {
    imports: Vec<Imported>,
    body: Body,
}

enum Body {
    Ready(InstancePre<Surroundings>),
    Ended(Result<Outcome, RunnerError>),
}

type Place = Arc<Mutex<Option<Arc<Prepared>>>>;

/// Kernels in memory, with the time of their last use.
#[derive(Default)]
struct Ready {
    places: BTreeMap<ContextHash, (u64, Place)>,
    uses: u64,
}

impl Ready {
    fn place(&mut self, kernel: ContextHash) -> Place {
        self.uses += 1;
        let (used, place) = self.places.entry(kernel).or_default();
        *used = self.uses;
        let place = place.clone();
        if self.places.len() > KERNELS_IN_MEMORY {
            let oldest = self.places.iter().min_by_key(|(_, (used, _))| *used).map(|(kernel, _)| *kernel);
            oldest.map(|kernel| self.places.remove(&kernel));
        }
        place
    }
}

/// A compiler with its settings.
struct Backend {
    compiler: Compiler,
    engine: wasmtime::Engine,
    linker: Linker<Surroundings>,
}

impl Backend {
    fn new(compiler: Compiler, ticker: &Ticker) -> Result<Self, EngineError> {
        let refused =
            |error: wasmtime::Error| EngineError::Compiler { compiler, reason: format!("{error:#}") };
        let engine = wasmtime::Engine::new(&config(compiler)).map_err(refused)?;
        let linker = linker(&engine).map_err(refused)?;
        ticker.add(&engine);
        Ok(Self { compiler, engine, linker })
    }

    #[expect(unsafe_code, reason = "machine code from a file is trusted")]
    fn deserialize(&self, module: &[u8]) -> wasmtime::Result<wasmtime::Module> {
        // SAFETY: the bytes are those that this program wrote, from `Module::serialize`: the folder was refused if others can
        // write to it, the checksum over the whole file was right, and Wasmtime itself compares version and settings.
        unsafe { wasmtime::Module::deserialize(&self.engine, module) }
    }
}

pub(crate) fn config(compiler: Compiler) -> Config {
    let mut config = Config::new();
    config
        .strategy(compiler.strategy())
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // Not used, and not allowed to be smaller.
        .async_stack_size(STACK_BYTES)
        // Traps are told apart by the rewriting, not by their place.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_extended_const(false);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_can_be_shared() {
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&Engine::new(Options::default()).unwrap());
    }

    #[test]
    fn kernels_that_are_used_stay_in_memory_and_the_others_go() {
        let hash = |n: u8| ContextHash([n; 32]);
        let mut ready = Ready::default();
        let kept = ready.place(hash(0));
        for n in 1..200 {
            ready.place(hash(n));
            assert!(Arc::ptr_eq(&kept, &ready.place(hash(0))));
        }
        assert_eq!(ready.places.len(), KERNELS_IN_MEMORY);
        assert!(ready.places.contains_key(&hash(199)) && !ready.places.contains_key(&hash(1)));
    }
}
