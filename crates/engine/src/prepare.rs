//! From the bytes of a kernel to something that can be run, or the reason why not.

use crate::decode::{DecodeError, Module, ValueType, decode};
use crate::instrument::{Purpose, entry, instrument};
use crate::link::{Imported, LATEST, imported, link, type_mismatch};
use crate::returns::carrying;
use crate::validate::{refusal, validate};
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
    /// The machine takes it and then has no next state: no rollup can live with it.
    #[error("the machine has no state for the instruction at byte {0} of the kernel")]
    NoNextState(usize),
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
    if let Some(offset) = module.unwritable {
        return Err(KernelError::NoNextState(offset));
    }
    if let Err(Outcome::Refused { stage, reason }) = link(&imported(&module), version) {
        return refused(stage, reason);
    }
    if let Some(reason) = type_mismatch(&module).or_else(|| refusal(&module)) {
        return refused(Stage::Init, reason);
    }
    match entry(&module) {
        Some(index) if takes_nothing(&module, index) => {}
        Some(_) => return Err(KernelError::Stuck(MISSING_ARGUMENTS.into())),
        None => return Err(KernelError::Stuck(NO_ENTRY.into())),
    }
    validate(kernel, &module, carrying).map_err(KernelError::Unsupported)
}

fn takes_nothing(module: &Module, function: u32) -> bool {
    module.function_type(function).is_some_and(|of_type| of_type.params == [] as [ValueType; 0])
}

/// What is known of a kernel before it is compiled.
pub(crate) struct Examined {
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
pub(crate) fn examine(kernel: &[u8], metered: bool) -> Examined {
    let module = match decode(kernel) {
        Ok(module) => module,
        Err(error) => {
            let reason = error.reason.clone();
            tracing::warn!("{}", KernelError::from(error));
            let outcome = Outcome::Refused { stage: Stage::Decode, reason };
            return Examined { verdict: Verdict::Ended(Ok(outcome)) };
        }
    };
    let imports = imported(&module);
    Examined { verdict: verdict(kernel, &module, &imports, metered) }
}

fn verdict(kernel: &[u8], module: &Module, imports: &[Imported], metered: bool) -> Verdict {
    if let Some(offset) = module.unwritable {
        let reason = KernelError::NoNextState(offset).to_string();
        return Verdict::Ended(Err(RunnerError::NoNextState { reason }));
    }
    // No version has these imports: the run never gets further.
    if let Err(outcome) = link(imports, LATEST) {
        return Verdict::Ended(Ok(outcome));
    }
    if let Some(reason) = type_mismatch(module).or_else(|| refusal(module)) {
        return Verdict::Ended(Ok(Outcome::Refused { stage: Stage::Init, reason }));
    }
    let rewritten = validate(kernel, module, carrying)
        .and_then(|()| instrument(kernel, module, Purpose::Kernel { metered }).map_err(|e| e.to_string()));
    match rewritten {
        Ok(bytes) => Verdict::Compile(bytes),
        Err(reason) => Verdict::Ended(Err(RunnerError::Unsupported { reason })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    fn kernels() -> Vec<(String, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/kernels");
        let mut kernels = Vec::new();
        for folder in
            [folder.clone(), folder.join("invalid"), folder.join("sdk"), folder.join("sdk/installer")]
        {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "wasm") {
                    kernels.push((path.display().to_string(), std::fs::read(path).unwrap()));
                }
            }
        }
        kernels.sort();
        kernels
    }

    /// Whatever is handed to the compilers is valid, without anything that they would not take.
    fn examined(kernel: &[u8]) -> bool {
        let Verdict::Compile(rewritten) = examine(kernel, true).verdict else { return false };
        let features = wasmparser::WasmFeatures::WASM2;
        if let Err(error) = wasmparser::Validator::new_with_features(features).validate_all(&rewritten) {
            panic!("the rewritten kernel is not valid: {error}");
        }
        true
    }

    #[test]
    fn rewritten_kernels_are_valid() {
        let kernels = kernels();
        let compiled = kernels.iter().filter(|(_, kernel)| examined(kernel)).count();
        assert!(compiled > 35, "{compiled} of {}", kernels.len());
    }

    #[test]
    fn a_float_is_refused_with_its_place() {
        let kernel = r#"(module (import "smart_rollup_core" "write_debug" (func (param i32 i32)))
            (memory (export "m") 1) (func) (func $interest (drop (f32.const 1))) (func (export "kernel_run")))"#;
        let kernel = wat::parse_str(kernel).unwrap();
        let offset = kernel.windows(5).position(|bytes| bytes == [0x43, 0, 0, 0x80, 0x3f]).unwrap();
        let error = check(&kernel, Version::V0).unwrap_err();
        let KernelError::Refused { stage, reason, place } = &error else { panic!("{error}") };
        assert_eq!((stage.0, &**reason), (Stage::Decode, "float instructions are forbidden"));
        assert_eq!(place, &Place { offset: Some(offset), function: Some(2), name: Some("interest".into()) });
        assert!(
            error.to_string().ends_with(&format!("in function 2 (interest), at byte {offset}")),
            "{error}"
        );
    }

    #[test]
    fn a_kernel_of_a_later_version_is_refused_by_the_first() {
        let kernel = r#"(module (import "smart_rollup_core" "store_create" (func (param i32 i32 i32) (result i32)))
            (memory (export "m") 1) (func (export "kernel_run")))"#;
        let kernel = wat::parse_str(kernel).unwrap();
        assert_eq!(check(&kernel, Version::V1), Ok(()));
        let error = check(&kernel, Version::V0).unwrap_err();
        assert!(error.to_string().contains("Unexpected import: smart_rollup_core.store_create"), "{error}");
    }

    #[test]
    fn code_that_no_validator_takes_is_refused_with_its_place() {
        let mut kernel = wat::parse_str(
            r#"(module (memory (export "m") 1) (func (export "kernel_run") (drop (i32.const 1))))"#,
        );
        let kernel = kernel.as_mut().unwrap();
        let place = kernel.windows(3).position(|bytes| bytes == [0x41, 1, 0x1a]).unwrap();
        // i32.eqz twice instead of a constant.
        kernel[place..place + 2].fill(0x45);
        let error = check(kernel, Version::V0).unwrap_err();
        assert!(matches!(error, KernelError::Unsupported(_)), "{error}");
        assert!(error.to_string().contains(&format!("function 0, byte {place}")), "{error}");
    }

    #[test]
    fn an_instruction_that_no_state_can_hold_is_no_answer() {
        let kernel = r#"(module (memory (export "m") 1) (func (export "kernel_run"))
            (func (param v128) (drop (f64x2.ceil (local.get 0)))))"#;
        let kernel = wat::parse_str(kernel).unwrap();
        let offset = kernel.windows(2).position(|bytes| bytes == [0xfd, 0x74]).unwrap();
        assert_eq!(check(&kernel, Version::V0), Err(KernelError::NoNextState(offset)));
        let Verdict::Ended(end) = examine(&kernel, true).verdict else { panic!("compiled") };
        assert!(matches!(end, Err(RunnerError::NoNextState { .. })), "{end:?}");
    }

    #[test]
    fn types_that_become_the_same_are_refused() {
        let kernel = r#"(module (memory (export "m") 1) (func (param funcref)) (func (param externref))
            (func (export "kernel_run")))"#;
        let Verdict::Ended(end) = examine(&wat::parse_str(kernel).unwrap(), true).verdict else {
            panic!("compiled")
        };
        assert!(matches!(end, Err(RunnerError::Unsupported { .. })), "{end:?}");
    }

    proptest! {
        #[test]
        fn bytes_of_strangers_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            examined(&[b"\0asm\x01\0\0\0", &bytes[..]].concat());
            examined(&bytes);
        }

        #[test]
        fn damaged_kernels_do_no_harm(
            kernel in proptest::sample::select(kernels()),
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
            cut in proptest::option::weighted(0.1, any::<proptest::sample::Index>()),
        ) {
            let (_, mut kernel) = kernel;
            // Large ones take long and have nothing that the small ones have not.
            kernel.truncate(20_000);
            for (place, byte) in changes {
                if !kernel.is_empty() {
                    let place = place.index(kernel.len());
                    kernel[place] = byte;
                }
            }
            if let Some(cut) = cut {
                kernel.truncate(cut.index(kernel.len() + 1));
            }
            examined(&kernel);
            let survey = crate::survey(&kernel, Version::V0);
            prop_assert_eq!(survey.is_valid(), check(&kernel, Version::V0).is_ok(), "{:?}", survey);
        }
    }
}
