//! Modules of the suite made fit for the machine: functions on floats are cut out, imports from the suite's `spectest`, and
//! of functions that depend on nothing, become definitions.
//!
//! A function on floats becomes a stub: nobody calls it (a caller becomes one, too), and its export goes. Numbers of
//! functions, types, globals and memories stay what they were.

mod encode;
mod survey;

use crate::reason::Reason;
use std::collections::{BTreeMap, BTreeSet};
use survey::Survey;

/// A module that the machine can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// Its bytes: the original ones if there was nothing to do.
    pub wasm: Vec<u8>,
    /// The exports that went with their floats; whether a call could have changed the instance.
    pub dropped: BTreeMap<String, Effects>,
}

/// Whether a call changes memory, globals or tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// It does not.
    None,
    /// It may.
    Some,
}

/// A function that depends on nothing else of its module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    of_type: wasmparser::FuncType,
    body: Vec<u8>,
}

/// Plain functions by the name of their module and their own: what a module can import and still stand alone.
pub type Library = BTreeMap<String, BTreeMap<String, Plain>>;

/// The plain functions that a module exports.
pub fn plain_exports(wasm: &[u8]) -> BTreeMap<String, Plain> {
    let survey = Survey::of(wasm, &Library::new());
    survey.and_then(|survey| survey.plain_exports(wasm)).unwrap_or_default()
}

/// The exported functions whose calls may change memory, globals or tables.
pub(crate) fn changing_exports(wasm: &[u8]) -> BTreeSet<String> {
    Survey::of(wasm, &Library::new()).map(|survey| survey.changing_exports()).unwrap_or_default()
}

/// Rewrites a valid module, or says why it has to be left out whole.
pub fn rewrite(wasm: &[u8], library: &Library) -> Result<Rewritten, Reason> {
    // What the parser does not read is about features that the machine does not have; it is judged as it is.
    let Ok(survey) = Survey::of(wasm, library) else {
        return Ok(Rewritten { wasm: wasm.to_vec(), dropped: BTreeMap::new() });
    };
    if survey.imports.iter().any(Option::is_none) {
        return Err(Reason::Import);
    }
    if survey.has_many_memories() {
        return Err(Reason::MultiMemory);
    }
    if survey.imports.is_empty() && survey.is_free_of_floats() {
        return Ok(Rewritten { wasm: wasm.to_vec(), dropped: BTreeMap::new() });
    }
    if survey.start.is_some_and(|start| survey.stubs[start as usize]) {
        return Err(Reason::Float);
    }
    let dropped = survey.dropped();
    let wasm = encode::encode(wasm, &survey).map_err(|_| Reason::Float)?;
    Ok(Rewritten { wasm, dropped })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Rewritten, Reason> {
        rewrite(&wat::parse_str(text).unwrap(), &Library::new())
    }

    fn valid(rewritten: &Rewritten) {
        let features = wasmparser::WasmFeatures::WASM2;
        wasmparser::Validator::new_with_features(features).validate_all(&rewritten.wasm).unwrap();
        assert!(Survey::of(&rewritten.wasm, &Library::new()).unwrap().is_free_of_floats());
    }

    #[test]
    fn a_module_without_floats_stays_as_it_is() {
        let text = r#"(module (func (export "f") (result i32) (i32.const 1)) (@custom "x" "y"))"#;
        assert_eq!(of(text).unwrap().wasm, wat::parse_str(text).unwrap());
    }

    #[test]
    fn functions_on_floats_go_with_their_callers() {
        let rewritten = of(r#"(module
            (memory 1) (global $g f64 (f64.const 1)) (global (export "other") i32 (i32.const 3))
            (table funcref (elem $a $b $c $i))
            (func $a (export "a") (result f32) (f32.const 1))
            (func $b (export "b") (result i32) (i32.store (i32.const 0) (i32.const 1)) (i32.trunc_f32_s (call $a)))
            (func $c (export "c") (result i32) (i32.const 4))
            (func $d (export "d") (param i32) (result i32) (call $b))
            (func $e (export "e") (param i64) (result i32) (drop (global.get $g)) (i32.const 1))
            (func $i (export "i") (param i64 i64) (drop (f32.const 1)))
            (type $i (func (param i64 i64)))
            (func (export "indirect") (call_indirect (type $i) (i64.const 0) (i64.const 0) (i32.const 3)))
            (func (export "harmless") (result i32) (call $c)))"#)
        .unwrap();
        valid(&rewritten);
        let dropped: Vec<_> = rewritten.dropped.iter().map(|(name, effects)| (&**name, *effects)).collect();
        let expected = [
            ("a", Effects::None),
            ("b", Effects::Some),
            ("d", Effects::Some),
            ("e", Effects::None),
            ("i", Effects::None),
            ("indirect", Effects::Some),
        ];
        assert_eq!(dropped, expected);
    }

    #[test]
    fn imports_of_the_suite_become_definitions() {
        let rewritten = of(r#"(module
            (import "spectest" "print_i32" (func $p (param i32))) (import "spectest" "print_f32" (func (param f32)))
            (import "spectest" "global_i32" (global $g i32)) (import "spectest" "memory" (memory 1))
            (import "spectest" "table" (table 10 funcref))
            (global i32 (global.get $g)) (elem (global.get $g) $p) (data (i32.const 0) "x")
            (func (export "f") (result i32) (call $p (i32.const 1)) (global.get $g)))"#)
        .unwrap();
        valid(&rewritten);
        assert_eq!(rewritten.dropped.len(), 0);
        assert!(!rewritten.wasm.windows(8).any(|bytes| bytes == b"spectest"));
    }

    #[test]
    fn plain_functions_are_copied() {
        let exporter = r#"(module (func (export "three") (result i32) (i32.const 3))
            (func (export "one") (param i64) (result i64) (local.get 0)) (memory 1)
            (func (export "load") (result i32) (i32.load (i32.const 0))))"#;
        let plain = plain_exports(&wat::parse_str(exporter).unwrap());
        assert_eq!(plain.keys().collect::<Vec<_>>(), ["one", "three"]);
        let library = Library::from([("a".to_owned(), plain)]);
        let of = |text: &str| rewrite(&wat::parse_str(text).unwrap(), &library);
        valid(
            &of(r#"(module (import "a" "three" (func $f (result i32))) (func (result i32) (call $f)))"#)
                .unwrap(),
        );
        assert_eq!(of(r#"(module (import "a" "three" (func (result i64))))"#), Err(Reason::Import));
        assert_eq!(of(r#"(module (import "a" "load" (func (result i32))))"#), Err(Reason::Import));
    }

    #[test]
    fn other_imports_and_starts_on_floats_are_left_out() {
        assert_eq!(of(r#"(module (import "M" "f" (func)))"#), Err(Reason::Import));
        assert_eq!(of(r#"(module (func $s (drop (f32.const 1))) (start $s))"#), Err(Reason::Float));
    }
}
