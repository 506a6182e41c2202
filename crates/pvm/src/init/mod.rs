//! Making an instance of a kernel: its imports, types and functions. What comes after that is not there yet.

use crate::lazy::{Maybe, Node, Opaque, Text, Vec32, VectorError, record, union};
use crate::link::{Extern, Function};
use crate::state::StateError;
use crate::wasm::module::{Allocations, Func, Import, ImportKind, Module};
use crate::wasm::types::{FuncType, GlobalType, Limits, ValueType};
use soru_merkle::Tree;
use std::fmt::Write;

record! {
    /// The type of a function, as an instance has it.
    InstanceType {
        params: Vec32<ValueType> = ["1", "type-params"],
        results: Vec32<ValueType> = ["2", "type-result"],
    }
}

record! {
    /// An instance of a module.
    Instance {
        types: Vec32<InstanceType> = ["1", "types"],
        functions: Vec32<Function> = ["2", "functions"],
        tables: Vec32<Opaque> = ["3", "tables"],
        memories: Vec32<Opaque> = ["4", "memories"],
        globals: Vec32<Opaque> = ["5", "globals"],
        exports: Opaque = ["6"],
        elems: Vec32<Opaque> = ["7", "elements"],
        datas: Vec32<i32> = ["8", "datas"],
        allocations: Allocations = ["9"],
    }
}

impl Instance {
    fn empty() -> Self {
        Self {
            types: Vec32::default(),
            functions: Vec32::default(),
            tables: Vec32::default(),
            memories: Vec32::default(),
            globals: Vec32::default(),
            exports: Opaque::default(),
            elems: Vec32::default(),
            datas: Vec32::default(),
            allocations: Allocations::empty(),
        }
    }
}

union! {
    /// The step of an initialisation.
    InitStep {
        "IK_Start" Start { externs: Vec32<Extern> = ["externs"] },
        // From the last import to the first.
        "IK_Add_import" Imports {
            instance: Instance = ["acc"], externs: Vec32<Extern> = ["left_vector"],
            imports: Vec32<Import> = ["right_vector"], offset: i32 = ["offset"],
        },
        "IK_Types" Types {
            instance: Instance = ["module"], types: Vec32<FuncType> = ["kont", "origin"],
            done: Vec32<InstanceType> = ["kont", "destination", "types"], offset: i32 = ["kont", "offset"],
        },
        "IK_Aggregate_func" Functions {
            instance: Instance = ["module"], current: Maybe<NewFunctionHere> = ["kont"],
            funcs: Vec32<Func> = ["kont", "map_kont", "origin"],
            done: Vec32<Function> = ["kont", "map_kont", "destination"], offset: i32 = ["kont", "map_kont", "offset"],
        },
        "IK_Aggregate_concat_func" AllFunctions {
            instance: Instance = ["module"], imported: Vec32<Function> = ["kont", "lv"],
            own: Vec32<Function> = ["kont", "rv"], done: Vec32<Function> = ["kont", "res"],
            offset: i32 = ["kont", "offset"],
        },
    }
}

union! {
    /// A function on its way into an instance.
    NewFunction {
        "Left" Given { func: Func = [] },
        "Right" Made { function: Function = [] },
    }
}

record! {
    NewFunctionHere {
        function: NewFunction = ["inner_kont"],
    }
}

record! {
    /// A machine that makes an instance.
    Initialising {
        name: Text = ["self"],
        module: Module = ["ast_module"],
        step: InitStep = ["init_kont"],
        // The instance as others see it, under its name; it lags behind.
        registered: Opaque = ["modules"],
    }
}

/// A machine that makes an instance of its kernel.
#[derive(Debug, Clone)]
pub struct Initialiser(Initialising);

/// What came of a tick.
#[derive(Debug)]
pub(crate) enum Initialised {
    /// The next state.
    Going,
    /// It cannot be imported; the machine's own words.
    Refused(String),
    /// There is no such type.
    Bounds,
}

impl Initialiser {
    pub(crate) fn begin(module: Module, externs: Vec32<Extern>) -> Self {
        let name = Text(crate::decode::MAIN.into());
        let step = InitStep::Start { externs };
        Self(Initialising { name, module, step, registered: Opaque::default() })
    }

    /// Reads a state, unless it is further than this goes.
    pub(crate) fn read(tree: &Tree) -> Result<Option<Self>, StateError> {
        let tag = crate::lazy::node::read_tag(&tree.find_tree(&["init_kont"])?.unwrap_or_default())?;
        match tag.as_deref() {
            Some(
                "IK_Start" | "IK_Add_import" | "IK_Types" | "IK_Aggregate_func" | "IK_Aggregate_concat_func",
            ) => Initialising::read(tree).map(|state| Some(Self(state))),
            _ => Ok(None),
        }
    }

    pub(crate) fn write(&mut self) -> Result<Tree, StateError> {
        let mut tree = Tree::empty();
        self.0.write(&mut tree)?;
        Ok(tree)
    }

    /// Where it is, under the name that the vectors have for it.
    pub fn step_name(&self) -> &'static str {
        match self.0.step {
            InitStep::Types { .. } => "IK_Type",
            InitStep::Functions { .. } => "IK_Aggregate",
            InitStep::AllFunctions { .. } => "IK_Aggregate_concat",
            _ => self.0.step.tag(),
        }
    }

    /// Whether the next step is one that this does not know.
    pub(crate) fn is_done(&self) -> bool {
        // As signed numbers, like the ends of vectors that are being filled.
        matches!(&self.0.step, InitStep::AllFunctions { done, offset, .. } if done.length() <= *offset)
    }

    /// One tick, unless it is done.
    pub(crate) fn step(&mut self) -> Result<Initialised, StateError> {
        let step = std::mem::replace(&mut self.0.step, InitStep::Start { externs: Vec32::default() });
        self.0.step = match step {
            InitStep::Start { externs } => {
                let (mut instance, imports) = (Instance::empty(), self.0.module.imports.clone());
                self.register(&mut instance)?;
                let offset = externs.length().wrapping_sub(1);
                InitStep::Imports { instance, externs, imports, offset }
            }
            InitStep::Imports { mut instance, offset: -1, .. } => {
                self.register(&mut instance)?;
                let types = self.0.module.types.clone();
                let done = Vec32::with_length(types.length());
                InitStep::Types { instance, types, done, offset: 0 }
            }
            InitStep::Imports { mut instance, mut externs, mut imports, offset } => {
                let Extern::Func { function } = externs.get_mut(offset).map_err(malformed)?;
                let import = imports.get(offset).map_err(malformed)?;
                match fits(&mut self.0.module.types, function, import)? {
                    Initialised::Going => instance.functions.cons(function.clone()),
                    refused => return Ok(refused),
                }
                InitStep::Imports { instance, externs, imports, offset: offset.wrapping_sub(1) }
            }
            InitStep::Types { mut instance, types, done, offset, .. } if offset == types.length() => {
                instance.types = done;
                instance.allocations = self.0.module.allocations.clone();
                self.register(&mut instance)?;
                let funcs = self.0.module.funcs.clone();
                let done = Vec32::with_length(funcs.length());
                InitStep::Functions { instance, current: Maybe(None), funcs, done, offset: 0 }
            }
            InitStep::Functions { instance, funcs, done, offset, .. } if offset == funcs.length() => {
                let imported = instance.functions.clone();
                let length = imported.length().wrapping_add(done.length());
                InitStep::AllFunctions {
                    instance,
                    imported,
                    own: done,
                    done: Vec32::with_length(length),
                    offset: 0,
                }
            }
            InitStep::Functions { mut instance, current, mut funcs, mut done, mut offset } => {
                let next = match current.0.map(|here| here.function) {
                    None => {
                        let func = funcs.get(offset).map_err(malformed)?.clone();
                        Some(NewFunction::Given { func })
                    }
                    Some(NewFunction::Given { func }) => {
                        let Func { ftype, locals, body } = func;
                        let func_type = match instance.types.get(ftype) {
                            Ok(func_type) => func_type.clone(),
                            Err(VectorError::Bounds) => {
                                return Ok(Initialised::Refused(format!("undefined type {ftype}")));
                            }
                            Err(other) => return Err(malformed(other)),
                        };
                        let module = self.0.name.clone();
                        let function = Function::Native { func_type, module, ftype, locals, body };
                        Some(NewFunction::Made { function })
                    }
                    Some(NewFunction::Made { function }) => {
                        done.set(offset, function);
                        offset = offset.wrapping_add(1);
                        None
                    }
                };
                let current = Maybe(next.map(|function| NewFunctionHere { function }));
                InitStep::Functions { instance, current, funcs, done, offset }
            }
            InitStep::AllFunctions { instance, mut imported, mut own, mut done, offset } => {
                let before = imported.length();
                let next = match offset < before {
                    true => imported.get(offset),
                    false => own.get(offset.wrapping_sub(before)),
                };
                done.set(offset, next.map_err(malformed)?.clone());
                InitStep::AllFunctions { instance, imported, own, done, offset: offset.wrapping_add(1) }
            }
            InitStep::Types { instance, mut types, mut done, offset } => {
                let FuncType { params, results } = types.get(offset).map_err(malformed)?.clone();
                done.set(offset, InstanceType { params, results });
                InitStep::Types { instance, types, done, offset: offset.wrapping_add(1) }
            }
        };
        Ok(Initialised::Going)
    }

    fn register(&mut self, instance: &mut Instance) -> Result<(), StateError> {
        let mut tree = Tree::empty();
        instance.write(&mut tree)?;
        Ok(self.0.registered.0.insert_tree(&[&self.0.name.0], tree)?)
    }
}

fn malformed(error: VectorError) -> StateError {
    match error {
        VectorError::State(error) => error,
        VectorError::Bounds | VectorError::NoEntry => {
            StateError::malformed(&["init_kont"], "a vector without an entry")
        }
    }
}

/// Whether a host function is what a kernel asks for.
fn fits(
    types: &mut Vec32<FuncType>,
    function: &mut Function,
    import: &Import,
) -> Result<Initialised, StateError> {
    let Function::Host { func_type: given, .. } = function else {
        return Err(StateError::malformed(&["init_kont"], "an import that is no host function"));
    };
    let expected = match &import.kind {
        ImportKind::Func(index) => match types.get_mut(*index) {
            Ok(asked) => {
                // In the text stand only the types that were looked at: none if there is another number of them, else
                // all up to the first difference.
                let same_lengths = asked.params.length() == given.params.length()
                    && asked.results.length() == given.results.length();
                let (mut params, mut results) = (Looked::default(), Looked::default());
                if same_lengths {
                    params = compare(&mut asked.params, &mut given.params)?;
                    results = compare(&mut asked.results, &mut given.results)?;
                }
                if same_lengths && params.is_equal() && results.is_equal() {
                    return Ok(Initialised::Going);
                }
                let side =
                    |a: &[ValueType], b: &[ValueType]| format!("func [{}] -> [{}]", shown(a), shown(b));
                let got = side(&params.given, &results.given);
                return Ok(refused(import, &side(&params.asked, &results.asked), &got));
            }
            Err(VectorError::Bounds) => return Ok(Initialised::Bounds),
            Err(other) => return Err(malformed(other)),
        },
        ImportKind::Table(table) => {
            format!("table {} {}", shown_limits(&table.limits), shown(&[table.elements.value()]))
        }
        ImportKind::Memory(memory) => format!("memory {}", shown_limits(&memory.0)),
        ImportKind::Global(GlobalType { value, mutable: false }) => format!("global {}", shown(&[*value])),
        ImportKind::Global(GlobalType { value, mutable: true }) => {
            format!("global (mut {})", shown(&[*value]))
        }
    };
    Ok(refused(import, &expected, "func [] -> []"))
}

/// The types that were looked at.
#[derive(Default)]
struct Looked {
    asked: Vec<ValueType>,
    given: Vec<ValueType>,
}

impl Looked {
    fn is_equal(&self) -> bool {
        self.asked == self.given
    }
}

/// Of vectors of one length.
fn compare(asked: &mut Vec32<ValueType>, given: &mut Vec32<ValueType>) -> Result<Looked, StateError> {
    let mut looked = Looked::default();
    for index in 0..asked.length() {
        looked.asked.push(*asked.get(index).map_err(malformed)?);
        looked.given.push(*given.get(index).map_err(malformed)?);
        if !looked.is_equal() {
            break;
        }
    }
    Ok(looked)
}

fn refused(import: &Import, expected: &str, got: &str) -> Initialised {
    let text = |text: &Text| String::from_utf8_lossy(&text.0).into_owned();
    let (module, item) = (text(&import.module), text(&import.item));
    Initialised::Refused(format!(
        "incompatible import type for \"{module}\" \"{item}\": expected {expected}, got {got}"
    ))
}

fn shown(types: &[ValueType]) -> String {
    let names = types.iter().map(|value_type| match value_type {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
        ValueType::V128 => "v128",
        ValueType::FuncRef => "funcref",
        ValueType::ExternRef => "externref",
    });
    names.collect::<Vec<_>>().join(" ")
}

fn shown_limits(limits: &Limits) -> String {
    let mut text = (limits.min as u32).to_string();
    if let Some(max) = limits.max {
        let _ = write!(text, " {}", max as u32);
    }
    text
}
