//! From the bytes of a kernel to something that can be run, or the reason why not.

use crate::decode::{DecodeError, Module, decode};
use crate::instrument::{entry, instrument};
use crate::link::{Imported, LATEST, imported, link, type_mismatch};
use crate::validate::{refusal, validate};
use crate::{decode::ExportKind, decode::ValueType};
use soru_pvm::Version;
use soru_pvm::run::{Outcome, RunnerError, Stage};
use std::fmt;
use thiserror::Error;

/// Something is wrong with a kernel, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KernelError {
    /// The machine refuses it.
    #[error("the machine refuses the kernel ({stage}): {reason}{place}")]
    Refused {
        /// Which step refuses it.
        stage: StageName,
        /// The machine's own words.
        reason: String,
        /// Where, if it is at one place.
        place: Place,
    },
    /// The machine takes it and then gets stuck for ever.
    #[error("the machine takes the kernel and gets stuck for ever: {0}")]
    Stuck(String),
    /// The machine runs it, the compilers do not take it.
    #[error("the machine would run this kernel, the compilers do not take it: {0}")]
    Unsupported(String),
}

/// A step of the machine, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageName(pub Stage);

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::Decode => "when it reads it",
            Stage::Link => "when it looks up its imports",
            Stage::Init => "when it makes the instance",
        })
    }
}

/// A place in a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Byte of the kernel.
    pub offset: Option<usize>,
    /// Index of the function.
    pub function: Option<u32>,
    /// Name of the function, if the kernel says it.
    pub name: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.function {
            write!(f, ", in function {index}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        self.offset.map_or(Ok(()), |offset| write!(f, ", at byte {offset}"))
    }
}

impl From<DecodeError> for KernelError {
    fn from(error: DecodeError) -> Self {
        let (function, name) = error.function.map(|place| (place.index, place.name)).unzip();
        let place = Place { offset: Some(error.offset), function, name: name.flatten() };
        Self::Refused { stage: StageName(Stage::Decode), reason: error.reason, place }
    }
}

/// What the machine says of a module that exports no function to call.
const NO_ENTRY: &str = "Tezos_tree_encoding__Decoding.Key_not_found(_)";
/// What the machine says when arguments are missing on the stack.
pub(crate) const MISSING_ARGUMENTS: &str = "Tezos_lazy_containers.Lazy_vector.Bounds";

/// Says whether a version of the machine would run a kernel, as far as that can be said without running it.
pub fn check(kernel: &[u8], version: Version) -> Result<(), KernelError> {
    let refused = |stage, reason| {
        Err(KernelError::Refused { stage: StageName(stage), reason, place: Place::default() })
    };
    let module = decode(kernel)?;
    if let Err(Outcome::Refused { stage, reason }) = link(&imported(&module), version) {
        return refused(stage, reason);
    }
    if let Some(reason) = type_mismatch(&module).or_else(|| refusal(&module)) {
        return refused(Stage::Init, reason);
    }
    match entry(&module) {
        Some((ExportKind::Function, index)) if takes_nothing(&module, index) => {}
        Some((ExportKind::Function, _)) => return Err(KernelError::Stuck(MISSING_ARGUMENTS.into())),
        _ => return Err(KernelError::Stuck(NO_ENTRY.into())),
    }
    validate(kernel, &module).map_err(KernelError::Unsupported)
}

fn takes_nothing(module: &Module, function: u32) -> bool {
    module.function_type(function).is_some_and(|of_type| of_type.params == [] as [ValueType; 0])
}

/// What is known of a kernel before it is compiled.
pub(crate) struct Examined {
    pub(crate) imports: Vec<Imported>,
    pub(crate) verdict: Verdict,
}

/// What becomes of a kernel whose imports are all there.
pub(crate) enum Verdict {
    /// Its rewritten bytes, to be compiled.
    Compile(Vec<u8>),
    /// It is never run.
    Ended(Result<Outcome, RunnerError>),
}

/// Reads, checks and rewrites a kernel.
pub(crate) fn examine(kernel: &[u8]) -> Examined {
    let module = match decode(kernel) {
        Ok(module) => module,
        Err(error) => {
            let reason = error.reason.clone();
            tracing::warn!("{}", KernelError::from(error));
            let outcome = Outcome::Refused { stage: Stage::Decode, reason };
            return Examined { imports: Vec::new(), verdict: Verdict::Ended(Ok(outcome)) };
        }
    };
    let imports = imported(&module);
    Examined { verdict: verdict(kernel, &module, &imports), imports }
}

fn verdict(kernel: &[u8], module: &Module, imports: &[Imported]) -> Verdict {
    if let Some(offset) = module.unwritable {
        let reason = format!("the kernel has an instruction, at byte {offset}, that no state can hold");
        return Verdict::Ended(Err(RunnerError::NoNextState { reason }));
    }
    // No version has these imports: the run never gets further.
    if let Err(outcome) = link(imports, LATEST) {
        return Verdict::Ended(Ok(outcome));
    }
    if let Some(reason) = type_mismatch(module).or_else(|| refusal(module)) {
        return Verdict::Ended(Ok(Outcome::Refused { stage: Stage::Init, reason }));
    }
    let rewritten =
        validate(kernel, module).and_then(|()| instrument(kernel, module).map_err(|e| e.to_string()));
    match rewritten {
        Ok(bytes) => Verdict::Compile(bytes),
        Err(reason) => Verdict::Ended(Err(RunnerError::Unsupported { reason })),
    }
}

/// The machine is stuck: there is nothing to call.
pub(crate) fn no_entry() -> Outcome {
    Outcome::Stuck { reason: NO_ENTRY.to_owned() }
}
