//! Imports: which host functions a kernel asks for, and with which types.

use crate::decode::{FuncType, Import, ImportKind, Module, ValueType};
use soru_pvm::Version;
use soru_pvm::host::{HostFunction, ValueType as HostType};
use soru_pvm::run::{Outcome, Stage};

/// The version that has every host function.
pub(crate) const LATEST: Version = Version::Experimental;

/// Module and name of something imported.
pub(crate) type Imported = (String, String);

/// What a kernel imports.
pub(crate) fn imported(module: &Module) -> Vec<Imported> {
    module.imports.iter().map(|import| (import.module.clone(), import.item.clone())).collect()
}

/// Looks up every import in a version of the machine; the outcome of a run when one is not there.
pub(crate) fn link(imports: &[Imported], version: Version) -> Result<(), Outcome> {
    match imports.iter().find_map(|(module, item)| missing(module, item, version)) {
        Some(reason) => Err(Outcome::Refused { stage: Stage::Link, reason }),
        None => Ok(()),
    }
}

/// What the machine says of an import that is not there.
pub(crate) fn missing(module: &str, item: &str, version: Version) -> Option<String> {
    if module != HostFunction::MODULE {
        Some(format!("Unexpected module import: {module}"))
    } else if HostFunction::by_name(version, item).is_none() {
        Some(format!("Unexpected import: {module}.{item}"))
    } else {
        None
    }
}

/// The first import, from the last one on, that the machine finds to have another type than the host function. Every
/// import is the name of a host function of some version.
pub(crate) fn type_mismatch(module: &Module) -> Option<String> {
    module.imports.iter().rev().find_map(|import| mismatch(module, import))
}

/// What the machine says of an import that has another type than the host function of its name.
pub(crate) fn mismatch(module: &Module, import: &Import) -> Option<String> {
    let host = HostFunction::by_name(LATEST, &import.item)?;
    let host = FuncType { params: types(host.params()), results: types(host.results()) };
    let (expected, found) = match import.kind {
        ImportKind::Function(of_type) => match module.types.get(of_type as usize) {
            None => return Some("Tezos_lazy_containers.Lazy_vector.Bounds".to_owned()),
            Some(of_type) if *of_type == host => return None,
            Some(of_type) => as_read(of_type, &host),
        },
        ImportKind::Global { value, mutable: false } => {
            (format!("global {value}"), "func [] -> []".to_owned())
        }
        ImportKind::Global { value, .. } => (format!("global (mut {value})"), "func [] -> []".to_owned()),
        ImportKind::Table(element, limits) => {
            (format!("table {limits} {element}"), "func [] -> []".to_owned())
        }
        ImportKind::Memory(limits) => (format!("memory {limits}"), "func [] -> []".to_owned()),
    };
    Some(format!(
        "incompatible import type for \"{}\" \"{}\": expected {expected}, got {found}",
        import.module, import.item
    ))
}

fn types(host: &[HostType]) -> Vec<ValueType> {
    let one = |of_type: &HostType| match of_type {
        HostType::I32 => ValueType::I32,
        HostType::I64 => ValueType::I64,
    };
    host.iter().map(one).collect()
}

/// The two types as the machine prints them: those parts only that it has read when it compared them.
fn as_read(left: &FuncType, right: &FuncType) -> (String, String) {
    let same_lengths = left.params.len() == right.params.len() && left.results.len() == right.results.len();
    let (mut params, mut results) = (0, 0);
    if same_lengths {
        params = compared(&left.params, &right.params);
        results = compared(&left.results, &right.results);
    }
    let shown = |of_type: &FuncType| {
        let list = |types: &[ValueType]| {
            let names: Vec<_> = types.iter().map(ValueType::to_string).collect();
            format!("[{}]", names.join(" "))
        };
        format!("func {} -> {}", list(&of_type.params[..params]), list(&of_type.results[..results]))
    };
    (shown(left), shown(right))
}

/// How many types are read until the first difference, that one included.
fn compared(left: &[ValueType], right: &[ValueType]) -> usize {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    (same + 1).min(left.len())
}
