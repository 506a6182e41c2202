//! A module as a kernel: `kernel_run` calls functions of it, and traps where a result is not what it has to be.

use crate::target::Value;
use std::collections::BTreeMap;
use wasm_encoder::{BlockType, Encode, Function, Instruction};
use wasmparser::{BinaryReaderError, CompositeInnerType, ExternalKind, Parser, Payload, TypeRef};

/// Something that `kernel_run` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Calls a function, which has to give those results.
    Call { function: u32, args: Vec<Value>, results: Vec<Value> },
    /// Calls a function that does not return; if it does, `kernel_run` traps in words of its own.
    Last { function: u32, args: Vec<Value> },
    /// Reads a global, which has to be that.
    Global { global: u32, value: Value },
}

/// A module that can be made a kernel of, by adding to it.
#[derive(Debug, Default)]
pub(super) struct Wrapping<'a> {
    sections: BTreeMap<u8, &'a [u8]>,
    types: u32,
    functions: Vec<u32>,
    /// Types without parameters.
    plain: Vec<bool>,
    memories: usize,
    exports: BTreeMap<String, (ExternalKind, u32)>,
}

const TYPE: u8 = 1;
const FUNCTION: u8 = 3;
const MEMORY: u8 = 5;
const EXPORT: u8 = 7;
const DATA_COUNT: u8 = 12;
const CODE: u8 = 10;
/// In the order in which a module has them.
const ORDER: [u8; 12] = [TYPE, 2, FUNCTION, 4, MEMORY, 6, EXPORT, 8, 9, DATA_COUNT, CODE, 11];
const MEMORY_NAME: &str = "memory of the kernel";

impl<'a> Wrapping<'a> {
    /// Looks at a module whose sections can be told apart.
    pub(super) fn of(wasm: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut found = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section()
                && id != 0
            {
                found.sections.insert(id, &wasm[range]);
            }
            match payload {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            let inner = &ty.composite_type.inner;
                            found.plain.push(
                                matches!(inner, CompositeInnerType::Func(ty) if ty.params().is_empty()),
                            );
                            found.types += 1;
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(of_type) => found.functions.push(of_type),
                            TypeRef::Memory(_) => found.memories += 1,
                            _ => (),
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for of_type in section {
                        found.functions.push(of_type?);
                    }
                }
                Payload::MemorySection(section) => found.memories += section.count() as usize,
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        found.exports.insert(export.name.to_owned(), (export.kind, export.index));
                    }
                }
                _ => (),
            }
        }
        Ok(found)
    }

    /// The function of an export.
    pub(super) fn function(&self, export: &str) -> Option<u32> {
        self.export(export, ExternalKind::Func)
    }

    /// The global of an export.
    pub(super) fn global(&self, export: &str) -> Option<u32> {
        self.export(export, ExternalKind::Global)
    }

    fn export(&self, name: &str, kind: ExternalKind) -> Option<u32> {
        self.exports.get(name).filter(|(found, _)| *found == kind).map(|(_, index)| *index)
    }

    /// Functions without parameters.
    pub(super) fn callable(&self) -> impl Iterator<Item = u32> {
        let is_plain = |of_type: &u32| self.plain.get(*of_type as usize) == Some(&true);
        (0..).zip(&self.functions).filter(move |(_, of_type)| is_plain(of_type)).map(|(index, _)| index)
    }

    /// The kernel.
    pub(super) fn kernel(&self, deeds: &[Deed]) -> Vec<u8> {
        let mut added = BTreeMap::from([
            (TYPE, vec![0x60, 0, 0]),
            (FUNCTION, encoded(&self.types)),
            (EXPORT, export(soru_pvm::run::ENTRYPOINT, 0, self.functions.len() as u32)),
            (CODE, encoded(&body(deeds))),
        ]);
        if self.memories == 0 {
            added.insert(MEMORY, vec![0, 0]);
        }
        let mut kernel = b"\0asm\x01\0\0\0".to_vec();
        for id in ORDER {
            let mut section = self.sections.get(&id).map(|section| section.to_vec());
            if let Some(item) = added.get(&id) {
                section = Some(appended(section.as_deref().unwrap_or(&[0]), item));
            }
            if id == EXPORT {
                section = section.map(|section| appended(&section, &export(MEMORY_NAME, 2, 0)));
            }
            if let Some(section) = section {
                kernel.push(id);
                section.encode(&mut kernel);
            }
        }
        kernel
    }
}

fn encoded(item: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    item.encode(&mut bytes);
    bytes
}

fn export(name: &str, kind: u8, index: u32) -> Vec<u8> {
    let mut bytes = encoded(&name);
    bytes.push(kind);
    index.encode(&mut bytes);
    bytes
}

/// A section with one more item.
fn appended(section: &[u8], item: &[u8]) -> Vec<u8> {
    let end = section.iter().position(|byte| byte & 0x80 == 0).map_or(section.len(), |last| last + 1);
    let (count, items) = section.split_at(end);
    let count = count.iter().rev().fold(0, |count, byte| count << 7 | u32::from(byte & 0x7f));
    let mut bytes = encoded(&(count + 1));
    bytes.extend(items);
    bytes.extend(item);
    bytes
}

fn body(deeds: &[Deed]) -> Function {
    let mut body = Function::new([]);
    for deed in deeds {
        match deed {
            Deed::Call { function, args, results } => {
                args.iter().for_each(|value| push(&mut body, value));
                body.instruction(&Instruction::Call(*function));
                results.iter().rev().for_each(|value| check(&mut body, value));
            }
            Deed::Last { function, args } => {
                args.iter().for_each(|value| push(&mut body, value));
                body.instruction(&Instruction::Call(*function)).instruction(&Instruction::Unreachable);
            }
            Deed::Global { global, value } => {
                body.instruction(&Instruction::GlobalGet(*global));
                check(&mut body, value);
            }
        }
    }
    body.instruction(&Instruction::End);
    body
}

/// Whether a kernel can have that value: it has no references to things of the host, and here none to functions.
pub(super) fn is_at_hand(value: &Value) -> bool {
    !matches!(value, Value::FuncRef(true) | Value::ExternRef(Some(_)))
}

/// Whether a kernel can tell whether it has that value.
pub(super) fn is_known(value: &Value) -> bool {
    !matches!(value, Value::ExternRef(Some(_)))
}

fn push(body: &mut Function, value: &Value) {
    use wasm_encoder::HeapType;
    body.instruction(&match value {
        Value::I32(n) => Instruction::I32Const(*n),
        Value::I64(n) => Instruction::I64Const(*n),
        Value::V128(bytes) => Instruction::V128Const(i128::from_le_bytes(*bytes)),
        Value::FuncRef(_) => Instruction::RefNull(HeapType::FUNC),
        Value::ExternRef(_) => Instruction::RefNull(HeapType::EXTERN),
    });
}

/// Takes a value from the stack, and traps if it is another one.
fn check(body: &mut Function, value: &Value) {
    match value {
        Value::I32(_) => {
            push(body, value);
            body.instruction(&Instruction::I32Ne);
        }
        Value::I64(_) => {
            push(body, value);
            body.instruction(&Instruction::I64Ne);
        }
        Value::V128(_) => {
            push(body, value);
            body.instruction(&Instruction::I8x16Ne).instruction(&Instruction::V128AnyTrue);
        }
        Value::FuncRef(true) | Value::ExternRef(Some(_)) => {
            body.instruction(&Instruction::RefIsNull);
        }
        Value::FuncRef(false) | Value::ExternRef(None) => {
            body.instruction(&Instruction::RefIsNull).instruction(&Instruction::I32Eqz);
        }
    }
    body.instruction(&Instruction::If(BlockType::Empty))
        .instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_gets_a_kernel_run() {
        let module = wat::parse_str(
            r#"(module (func $f (export "f") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
                (global (export "g") funcref (ref.func $f)) (data "x"))"#,
        )
        .unwrap();
        let wrapping = Wrapping::of(&module).unwrap();
        assert_eq!(
            (wrapping.function("f"), wrapping.global("g"), wrapping.function("g")),
            (Some(0), Some(0), None)
        );
        let kernel = wrapping.kernel(&[
            Deed::Call {
                function: 0,
                args: vec![Value::I32(-1), Value::I64(2)],
                results: vec![Value::I64(2), Value::I32(-1)],
            },
            Deed::Global { global: 0, value: Value::FuncRef(true) },
            Deed::Last { function: 0, args: vec![Value::I32(1), Value::I64(1)] },
        ]);
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::WASM2)
            .validate_all(&kernel)
            .unwrap();
        let again = Wrapping::of(&kernel).unwrap();
        assert_eq!((again.function("kernel_run"), again.memories), (Some(1), 1));
        assert_eq!(again.callable().collect::<Vec<_>>(), [1]);
    }
}
