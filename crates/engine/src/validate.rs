//! What a kernel has to be for the compilers: valid WebAssembly of one explicit set of features.

use crate::decode::{ExportKind, Module};
use crate::prepare::MISSING_ARGUMENTS;
use wasmparser::{
    FuncValidator, FunctionBody, Operator, OperatorsReader, Parser, Payload, Validator, ValidatorResources,
    WasmFeatures,
};

/// WebAssembly 2.0, in which the machine's instructions are written. Floats are among it because the machine takes the
/// instructions that make integers of floats; those that make floats are refused before, when the kernel is read.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2.union(WasmFeatures::MULTI_MEMORY);

/// A look at the instruction that comes next in a function with so many results: why it is refused, if it is.
pub(crate) type Look = fn(&FuncValidator<ValidatorResources>, usize, &Operator<'_>) -> Option<String>;

/// For every jump a compiler may look at every local. So many pairs of the two, over all functions, take it half a minute; a
/// kernel of some megabytes that is made for it has thousands of times as many, and would take days.
const PAIRS_MAX: u64 = 1 << 26;

/// Refuses code that the compilers cannot take, or not in a bearable time, and what `look` refuses. The reason says the place.
pub(crate) fn validate(bytes: &[u8], module: &Module, look: Look) -> Result<(), String> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut allocations = Default::default();
    let mut function = module.imported_functions();
    let mut pairs = 0u64;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| Fault::from(error).shown(None))?;
        // The machine does not mind two exports of one name; what they point to is looked at elsewhere.
        if matches!(payload, Payload::ExportSection(_)) && module.has_twins() {
            continue;
        }
        let valid = validator.payload(&payload).map_err(|error| Fault::from(error).shown(None))?;
        if let wasmparser::ValidPayload::Func(to_validate, body) = valid {
            let mut of_function = to_validate.into_validator(std::mem::take(&mut allocations));
            let results = module.function_type(function as u32).map_or(0, |of_type| of_type.results.len());
            let jumps = validate_body(&mut of_function, &body, results, look)
                .map_err(|fault| fault.shown(Some(function)))?;
            pairs = pairs.saturating_add(jumps.saturating_mul(of_function.len_locals().into()));
            if pairs > PAIRS_MAX {
                return Err(format!(
                    "up to function {function}: very many jumps and locals, {pairs} pairs of them"
                ));
            }
            allocations = of_function.into_allocations();
            function += 1;
        }
    }
    Ok(())
}

/// Gives the number of its blocks and jumps.
fn validate_body(
    validator: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    results: usize,
    look: Look,
) -> Result<u64, Fault> {
    let mut jumps = 0;
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    reader.set_features(FEATURES);
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        if let Some(message) = look(validator, results, &operator) {
            return Err(Fault { offset, message });
        }
        validator.op(offset, &operator)?;
        jumps += match &operator {
            Operator::BrTable { targets } => u64::from(targets.len()) + 1,
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::Br { .. }
            | Operator::BrIf { .. } => 1,
            _ => 0,
        };
    }
    operators.finish()?;
    Ok(jumps)
}

/// What is refused, at which byte.
struct Fault {
    offset: usize,
    message: String,
}

impl From<wasmparser::Error> for Fault {
    fn from(error: wasmparser::Error) -> Self {
        Self { offset: error.offset(), message: error.message().to_owned() }
    }
}

impl Fault {
    fn shown(&self, function: Option<usize>) -> String {
        let place = function.map(|index| format!("function {index}, ")).unwrap_or_default();
        format!("{place}byte {}: {}", self.offset, self.message)
    }
}

/// What the machine finds wrong when it makes the instance, in its own order and words. What comes after the copying of
/// segments is said even if a segment does not fit: then the words differ, the outcome does not.
pub(crate) fn refusal(module: &Module) -> Option<String> {
    let types = module.types.len() as u32;
    let bad_type = module.functions.iter().find(|of_type| **of_type >= types);
    if let Some(of_type) = bad_type {
        return Some(undefined("type", *of_type));
    }
    if let Some(reason) = module.globals.iter().find_map(|global| global.refusal()) {
        return Some(reason.to_owned());
    }
    if module.tables.iter().any(|limits| !limits.in_order()) {
        return Some("Tezos_webassembly_interpreter.Partial_table.Type".to_owned());
    }
    if module.memories.iter().any(|limits| !limits.in_order()) {
        return Some("Tezos_webassembly_interpreter.Partial_memory.Type".to_owned());
    }
    let functions = (module.imported_functions() + module.functions.len()) as u32;
    for export in &module.exports {
        let (count, what) = match export.kind {
            ExportKind::Function => (functions, "function"),
            ExportKind::Table => (module.tables.len() as u32, "table"),
            ExportKind::Memory => (module.memories.len() as u32, "memory"),
            ExportKind::Global => (module.globals.len() as u32, "global"),
        };
        if export.index >= count {
            return Some(undefined(what, export.index));
        }
    }
    if !module.exports.iter().any(|export| export.kind == ExportKind::Memory && export.index == 0) {
        return Some("Module must export memory 0".to_owned());
    }
    if module.ill_typed_offset {
        return Some("missing or ill-typed operand on stack".to_owned());
    }
    let start = module.start?;
    if start >= functions {
        return Some(undefined("function", start));
    }
    module
        .function_type(start)
        .filter(|of_type| !of_type.params.is_empty())
        .map(|_| MISSING_ARGUMENTS.to_owned())
}

fn undefined(what: &str, index: u32) -> String {
    // The machine prints indices as signed numbers.
    format!("undefined {what} {}", index as i32)
}
