//! Kernels as machine code: compiled, remembered in memory and on disk.

use crate::cache::{DiskCache, Key};
use crate::compiler::Compiler;
use crate::engine::EngineError;
use crate::execute::STACK_BYTES;
use crate::flaws::flaw;
use crate::host::{Surroundings, linker};
use crate::prepare::{Verdict, examine};
use crate::status::{Counters, count};
use soru_base::hash::ContextHash;
use soru_base::tick::TickSpan;
use soru_pvm::Version;
use soru_pvm::run::{Kernel, RunnerError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use wasmtime::{Config, InstancePre, Linker};

/// How many kernels are kept ready in memory. A rollup has one, and now and then a new one.
const KERNELS_IN_MEMORY: usize = 32;

/// A kernel as it is known.
pub(crate) struct Prepared {
    /// To be run, or why the compilers do not take it.
    pub(crate) body: Result<InstancePre<Surroundings>, String>,
    /// Ticks from the beginning of a run to the call of `kernel_run`, by version of the machine.
    ticks: Mutex<BTreeMap<Version, TickSpan>>,
}

impl Prepared {
    fn new(body: Result<InstancePre<Surroundings>, String>) -> Self {
        Self { body, ticks: Mutex::default() }
    }
}

/// Compiles kernels.
pub(crate) struct Compiled {
    backend: Backend,
    /// The compiler for what `singlepass` does not take.
    retreat: OnceLock<Backend>,
    disk: Option<DiskCache>,
    ready: Mutex<Ready>,
    metered: bool,
}

impl Compiled {
    pub(crate) fn new(
        compiler: Compiler,
        metered: bool,
        cache: Option<&PathBuf>,
    ) -> Result<Self, EngineError> {
        let open = |folder: &PathBuf| {
            let cache = DiskCache::open(folder);
            cache.map_err(|source| EngineError::Cache { folder: folder.clone(), source })
        };
        let disk = cache.map(open).transpose()?;
        let backend = Backend::new(compiler)?;
        Ok(Self { backend, retreat: OnceLock::new(), disk, ready: Mutex::default(), metered })
    }

    fn key(&self, kernel: ContextHash, backend: &Backend) -> Key {
        Key::module(kernel, backend.compiler, self.metered, &backend.engine)
    }

    /// Ticks from the beginning of a run to the call of `kernel_run`, if somebody has counted them.
    pub(crate) fn ready_ticks(
        &self,
        kernel: ContextHash,
        of: &Prepared,
        version: Version,
    ) -> Option<TickSpan> {
        let mut known = of.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticks) = known.get(&version) {
            return Some(*ticks);
        }
        let bytes = self.disk.as_ref()?.load(&Key::ticks(kernel, version)).ok()??;
        let ticks = TickSpan(u64::from_be_bytes(bytes.try_into().ok()?));
        known.insert(version, ticks);
        Some(ticks)
    }

    /// Remembers them.
    pub(crate) fn keep_ready_ticks(
        &self,
        kernel: ContextHash,
        of: &Prepared,
        version: Version,
        ticks: TickSpan,
    ) {
        of.ticks.lock().unwrap_or_else(PoisonError::into_inner).insert(version, ticks);
        let Some(disk) = &self.disk else { return };
        if let Err(error) = disk.store(&Key::ticks(kernel, version), &ticks.0.to_be_bytes()) {
            tracing::warn!(%kernel, "cannot keep how many ticks come before the kernel: {error}");
        }
    }

    pub(crate) fn prepared(
        &self,
        kernel: &Kernel,
        counters: &Counters,
    ) -> Result<Arc<Prepared>, RunnerError> {
        let place = self.ready.lock().unwrap_or_else(PoisonError::into_inner).place(kernel.hash());
        // Two threads with the same kernel: one compiles it, the other waits.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = &*place {
            return Ok(prepared.clone());
        }
        let prepared = Arc::new(self.prepare(kernel, counters)?);
        *place = Some(prepared.clone());
        Ok(prepared)
    }

    fn prepare(&self, kernel: &Kernel, counters: &Counters) -> Result<Prepared, RunnerError> {
        if let Some(prepared) = self.load_from_disk(kernel.hash(), &self.backend, counters) {
            return Ok(prepared);
        }
        let bytes = kernel.load()?;
        Ok(Prepared::new(match examine(&bytes, self.metered).verdict {
            Verdict::Compile(rewritten) => self.compile(kernel.hash(), bytes.len(), &rewritten, counters),
            Verdict::Ended(Err(RunnerError::Unsupported { reason })) => Err(reason),
            // Where the machine gets to the call of such a kernel, it is not for this engine to refuse it.
            Verdict::Ended(end) => Err(format!("{end:?}")),
        }))
    }

    fn compile(
        &self,
        kernel: ContextHash,
        size: usize,
        rewritten: &[u8],
        counters: &Counters,
    ) -> Result<InstancePre<Surroundings>, String> {
        let refused = match self.compile_with(&self.backend, kernel, size, rewritten, counters) {
            Ok(instance) => return Ok(instance),
            Err(error) => error,
        };
        let unsupported = |error: wasmtime::Error| format!("{error:#}");
        if self.backend.compiler == Compiler::Cranelift {
            return Err(unsupported(refused));
        }
        count(&counters.retreats);
        tracing::warn!(kernel = %kernel, "singlepass does not take this kernel ({refused:#}): using cranelift");
        let retreat = match self.retreat.get() {
            Some(backend) => backend,
            None => {
                let backend = Backend::new(Compiler::Cranelift);
                let backend = backend.map_err(|error| error.to_string())?;
                self.retreat.get_or_init(|| backend)
            }
        };
        if let Some(Prepared { body: Ok(instance), .. }) = self.load_from_disk(kernel, retreat, counters) {
            return Ok(instance);
        }
        self.compile_with(retreat, kernel, size, rewritten, counters).map_err(unsupported)
    }

    fn compile_with(
        &self,
        backend: &Backend,
        kernel: ContextHash,
        size: usize,
        rewritten: &[u8],
        counters: &Counters,
    ) -> wasmtime::Result<InstancePre<Surroundings>> {
        if let Some(flaw) = flaw(backend.compiler, rewritten) {
            wasmtime::bail!(flaw);
        }
        let start = Instant::now();
        let module = wasmtime::Module::new(&backend.engine, rewritten)?;
        let instance = backend.linker.instantiate_pre(&module)?;
        count(&counters.compiled);
        let ms = start.elapsed().as_millis();
        tracing::info!(%kernel, size, ms, compiler = %backend.compiler, cached = false, "kernel compiled");
        if let Some(disk) = &self.disk {
            let key = self.key(kernel, backend);
            // A kernel that cannot be kept can be run all the same.
            if let Err(error) = disk.store(&key, &module.serialize()?) {
                tracing::warn!(%kernel, "cannot keep the compiled kernel: {error}");
            }
        }
        Ok(instance)
    }

    fn load_from_disk(
        &self,
        kernel: ContextHash,
        backend: &Backend,
        counters: &Counters,
    ) -> Option<Prepared> {
        let disk = self.disk.as_ref()?;
        let key = self.key(kernel, backend);
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
        let instance = backend.linker.instantiate_pre(&module).ok()?;
        count(&counters.loaded);
        let (ms, size) = (start.elapsed().as_millis(), bytes.len());
        tracing::info!(%kernel, size, ms, compiler = %backend.compiler, cached = true, "compiled kernel loaded");
        Some(Prepared::new(Ok(instance)))
    }
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
    fn new(compiler: Compiler) -> Result<Self, EngineError> {
        let refused =
            |error: wasmtime::Error| EngineError::Compiler { compiler, reason: format!("{error:#}") };
        let engine = wasmtime::Engine::new(&config(compiler, Purpose::Kernel)).map_err(refused)?;
        let linker = linker(&engine).map_err(refused)?;
        Ok(Self { compiler, engine, linker })
    }

    #[expect(unsafe_code, reason = "machine code from a file is trusted")]
    fn deserialize(&self, module: &[u8]) -> wasmtime::Result<wasmtime::Module> {
        // SAFETY: the bytes are those that this program wrote, from `Module::serialize`: the folder was refused if others can
        // write to it, the checksum over the whole file was right, and Wasmtime itself compares version and settings.
        unsafe { wasmtime::Module::deserialize(&self.engine, module) }
    }
}

/// What is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Kernels: they count ticks, and end by themselves.
    Kernel,
    /// Modules: they end at a deadline.
    Module,
}

pub(crate) fn config(compiler: Compiler, purpose: Purpose) -> Config {
    let mut config = Config::new();
    config
        .strategy(compiler.strategy())
        .epoch_interruption(purpose == Purpose::Module)
        .max_wasm_stack(STACK_BYTES)
        // Not used, and not allowed to be smaller.
        .async_stack_size(STACK_BYTES)
        // Traps are told apart by the rewriting, not by their place.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        // Where asking for more ticks is unlikely, it lies aside.
        .wasm_branch_hinting(true)
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
