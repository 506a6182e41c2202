//! Rewriting a kernel before it is compiled, so that it counts its calls and its ticks.
//!
//! * Functions have one more parameter: how many functions may be entered, itself included. The machine is stuck for
//!   ever at one too many. See [`bodies`], and [`heights`] for those that do not have it.
//! * The ticks that are left are in a global, from which functions take what their callers have not paid: see [`meter`] and
//!   [`callees`]. When it falls below zero, the function [`MORE`] is asked for more.
//! * The start function is exported instead of run, so that all this is set before it begins.
//! * Only the compilers call a host function with as many parameters as it has: in tables, and as a reference, there is a
//!   function in its place that has one more and drops it.
//!
//! A module that is no kernel ([`Purpose::Module`]) counts no ticks. Instead it notes what tells its traps apart:
//!
//! * The index of an indirect call is kept in [`INDEX`] before the call: the machine names it when there is nothing to call.
//! * [`TABLE_ACCESS`] is 1 while another instruction works on a table: outside of the table, that is an ordinary trap.
//! * [`EXHAUSTED`] is 1 after a call too many.
//!
//! A reference to something of the host can only be null, for no host function gives one. So it becomes a reference to a
//! function, and the compilers need nothing for it. [`Rewriter::new`] refuses what this would confuse.
//!
//! Exports of the kernel but for those that the machine asks for are left out, and so are custom sections.

mod bodies;
mod callees;
mod calls;
mod exports;
mod heights;
mod meter;
mod operators;
mod plan;
mod referred;
mod rewriter;
mod sections;
mod unroll;

use crate::decode::Module;
use crate::validate::FEATURES;
use bodies::Own;
pub(crate) use exports::entry;
use heights::Heights;
pub(crate) use meter::{HELD, PENDING};
use referred::functions_referred_to;
use rewriter::Rewriter;
use sections::Pending;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{BranchHints, CodeSection, GlobalSection, ImportSection, TypeSection};
use wasmparser::{Parser, Payload, ValidPayload, Validator};

/// Written into the names of cached modules: goes up whenever the rewriting changes, or what is refused before.
pub(crate) const REVISION: u32 = 8;

/// Ticks that are left; below zero, more are to be asked for.
pub(crate) const TICKS: &str = "soru:ticks";
/// Index of the indirect call that was made last.
pub(crate) const INDEX: &str = "soru:index";
/// Whether an instruction other than an indirect call works on a table.
pub(crate) const TABLE_ACCESS: &str = "soru:table-access";
/// Whether there was a call too many.
pub(crate) const EXHAUSTED: &str = "soru:exhausted";
/// The kernel's start function.
pub(crate) const START: &str = "soru:start";
/// The kernel's memory.
pub(crate) const MEMORY: &str = "soru:memory";
/// The function that the machine calls.
pub(crate) const ENTRY: &str = "soru:entry";
/// Module and name of the function that is asked for more ticks.
pub(crate) const MORE: (&str, &str) = ("soru", "more");

/// A kernel could not be rewritten: it is not valid.
#[derive(Debug, thiserror::Error)]
#[error("cannot rewrite the kernel: {0}")]
pub(crate) struct InstrumentError(String);

impl<E: std::fmt::Display> From<reencode::Error<E>> for InstrumentError {
    fn from(error: reencode::Error<E>) -> Self {
        Self(error.to_string())
    }
}

impl From<wasmparser::Error> for InstrumentError {
    fn from(error: wasmparser::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a module is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A kernel. Of its exports those stay that the machine asks for.
    Kernel {
        /// Whether it counts its ticks.
        metered: bool,
    },
    /// Any module. All of its exports stay, under their own names.
    Module,
}

/// Rewrites a valid kernel.
pub(crate) fn instrument(
    bytes: &[u8],
    module: &Module,
    purpose: Purpose,
) -> Result<Vec<u8>, InstrumentError> {
    let mut rewriter = Rewriter::new(module, purpose)?;
    let (imported, mut referred) = (rewriter.imported.len(), functions_referred_to(bytes)?);
    rewriter.refers =
        !module.functions.is_empty() && referred.iter().any(|index| (*index as usize) < imported);
    if matches!(purpose, Purpose::Kernel { .. }) {
        referred.extend(module.start);
        rewriter.heights = Heights::of(bytes, imported, &referred).unwrap_or_default();
    }
    let mut output = wasm_encoder::Module::new();
    let mut sections = Pending { imports: rewriter.is_metered(), exports: true, globals: true };
    let mut code = CodeSection::new();
    let mut hints = BranchHints::new();
    let mut functions = Vec::new();
    let mut bodies_left = 0;
    let mut validator = Validator::new_with_features(FEATURES);

    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        sections.before(&payload, &rewriter, &mut output);
        // The machine takes two exports of one name.
        let valid = match &payload {
            Payload::ExportSection(_) if module.has_twins() => None,
            payload => Some(validator.payload(payload)?),
        };
        match payload {
            Payload::TypeSection(section) => {
                let mut types = TypeSection::new();
                rewriter.parse_type_section(&mut types, section)?;
                rewriter.append_types(&mut types);
                output.section(&types);
            }
            Payload::ImportSection(section) => {
                let mut imports = ImportSection::new();
                rewriter.parse_import_section(&mut imports, section)?;
                if std::mem::take(&mut sections.imports) {
                    rewriter.append_import(&mut imports);
                }
                output.section(&imports);
            }
            Payload::FunctionSection(section) => {
                let mut functions = wasm_encoder::FunctionSection::new();
                for (place, of_type) in section.into_iter().enumerate() {
                    let (of_type, is_flat) = (of_type?, rewriter.heights.is_flat(place));
                    functions.function(if is_flat { of_type } else { rewriter.deeper(of_type) });
                }
                for of_type in rewriter.replaced() {
                    functions.function(rewriter.deeper(*of_type));
                }
                output.section(&functions);
            }
            Payload::TableSection(section) => {
                let mut tables = wasm_encoder::TableSection::new();
                rewriter.parse_table_section(&mut tables, section)?;
                output.section(&tables);
            }
            Payload::MemorySection(section) => {
                // Only the first memory can be reached by an instruction.
                let mut memories = wasm_encoder::MemorySection::new();
                for memory in section.into_iter().take(1) {
                    memories.memory(rewriter.memory_type(memory?)?);
                }
                output.section(&memories);
            }
            Payload::GlobalSection(section) => {
                let mut globals = GlobalSection::new();
                rewriter.parse_global_section(&mut globals, section)?;
                rewriter.append_globals(&mut globals);
                output.section(&globals);
                sections.globals = false;
            }
            Payload::ElementSection(section) => {
                let mut elements = wasm_encoder::ElementSection::new();
                rewriter.parse_element_section(&mut elements, section)?;
                output.section(&elements);
            }
            Payload::DataCountSection { count, .. } => {
                output.section(&wasm_encoder::DataCountSection { count });
            }
            Payload::CodeSectionStart { count, .. } => {
                bodies_left = count;
                if count == 0 {
                    output.section(&code);
                }
            }
            Payload::CodeSectionEntry(_) => {
                let Some(ValidPayload::Func(function, body)) = valid else {
                    return Err(InstrumentError("code that no validator has seen".into()));
                };
                functions.push(Own { function, body });
                bodies_left -= 1;
                if bodies_left == 0 {
                    if rewriter.is_metered() {
                        rewriter.learn(&functions, &referred)?;
                    }
                    rewriter.bodies(&functions, &mut code, &mut hints)?;
                    rewriter.append_bodies(&mut code);
                    if !hints.is_empty() {
                        output.section(&hints);
                    }
                    output.section(&code);
                }
            }
            Payload::DataSection(section) => {
                let mut data = wasm_encoder::DataSection::new();
                rewriter.parse_data_section(&mut data, section)?;
                output.section(&data);
            }
            _ => {}
        }
    }
    Ok(output.finish())
}
