//! Sections that are put in.

use super::rewriter::Rewriter;
use wasm_encoder::{GlobalSection, ImportSection};
use wasmparser::Payload;

/// Sections that the kernel may not have, and that have to be put in at their place.
pub(super) struct Pending {
    pub(super) imports: bool,
    pub(super) exports: bool,
    pub(super) globals: bool,
}

impl Pending {
    /// Puts in what has to come before `payload`.
    pub(super) fn before(
        &mut self,
        payload: &Payload<'_>,
        rewriter: &Rewriter<'_>,
        output: &mut wasm_encoder::Module,
    ) {
        let (after_imports, after_globals, after_exports) = match payload {
            Payload::FunctionSection(_)
            | Payload::TableSection(_)
            | Payload::MemorySection(_)
            | Payload::GlobalSection(_) => (true, false, false),
            Payload::ExportSection(_) => (true, true, false),
            Payload::StartSection { .. }
            | Payload::ElementSection(_)
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::DataSection(_)
            | Payload::End(_) => (true, true, true),
            _ => (false, false, false),
        };
        if after_imports && std::mem::take(&mut self.imports) {
            let mut imports = ImportSection::new();
            rewriter.append_import(&mut imports);
            output.section(&imports);
        }
        if after_globals && std::mem::take(&mut self.globals) {
            let mut globals = GlobalSection::new();
            rewriter.append_globals(&mut globals);
            output.section(&globals);
        }
        if after_exports && std::mem::take(&mut self.exports) {
            output.section(&rewriter.exports());
        }
    }
}
