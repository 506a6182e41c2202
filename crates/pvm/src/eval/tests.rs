//! What no recorded run shows.

use super::fault::Fault;
use super::instruction;
use super::shape::{
    Call, Config, Frame, Invocation, Label, LabelStep, Labels, Ongoing, Progress, Request, Step, Tasks,
};
use super::value::{Operands, Value, Values};
use crate::instance::{Instance, MemoryInstance, Modules, TableInstance};
use crate::lazy::{Maybe, Node, Text, Vec32};
use crate::wasm::instruction::Instruction;
use crate::wasm::types::{Limits, RefType, TableType};
use soru_merkle::Tree;
use soru_merkle::proof::{self, ProofError};

fn modules(change: impl FnOnce(&mut Instance)) -> Modules {
    let mut instance = Instance::empty();
    change(&mut instance);
    let mut modules = Modules::default();
    modules.set(b"main", Box::new(instance));
    modules
}

fn frame() -> Frame {
    Frame { module: Text(b"main".to_vec()), locals: Values::default() }
}

fn labels(values: Values) -> Labels {
    let top = Label { arity: None, on_break: Maybe(None), values, tasks: Tasks::default() };
    Labels { top, rest: Vec32::default() }
}

/// The network has no longer answers today; its machine would take them.
#[test]
fn an_answer_to_a_reveal_can_be_longer_than_a_page() {
    let limits = Limits { min: 1, max: None };
    let mut modules =
        modules(|instance| instance.memories = Vec32::singleton(MemoryInstance::new(limits).unwrap()));
    let invocation = Invocation::Reveal {
        request: Request::of_payload(b"any"),
        destination: 16,
        max: 5000,
        values: Values::default(),
        tasks: Tasks::default(),
    };
    let top =
        Call { arity: None, frame: frame(), progress: Progress::Going { labels: labels(Values::default()) } };
    let labels = Ongoing::Labels { labels: labels(Values::default()) };
    let step = LabelStep::Invoke { labels, invocation: Box::new(invocation) };
    let mut config = Config { step: Step::Next { top, rest: Vec32::default(), step }, stack_limit: 300 };
    config.reveal(&mut modules, &[7; 6000]).unwrap();
    assert_eq!(config.paying(), 5000 * 42);
    let memory = modules.look(b"main").unwrap().unwrap().look_at_memory(0).unwrap();
    let mut end = [0; 3];
    assert!(memory.load_bytes(16 + 4998, &mut end).is_ok());
    assert_eq!(end, [7, 7, 0]);
}

#[test]
fn a_copy_into_a_missing_table_reads_the_other_one_too() {
    let limits = Limits { min: 2, max: None };
    let table = TableInstance::new(TableType { limits, elements: RefType::Func }).unwrap();
    let mut tree = Tree::empty();
    modules(|instance| instance.tables = Vec32::singleton(table)).write(&mut tree).unwrap();
    let (proof, ()) = proof::produce(&tree, |tree| -> Result<_, ProofError> {
        let mut modules = Modules::read(&tree).unwrap();
        let values = [1, 0, 0].map(Value::i32).into_iter().collect();
        let copy = Instruction::TableCopy { to: 9, from: 0 };
        let fault = instruction::step(&mut frame(), &mut labels(values), &mut modules, copy).unwrap_err();
        let Fault::Interpreter(error) = fault else { panic!("{fault:?}") };
        assert_eq!(error.explanation.unwrap().to_string(), "undefined table 9");
        Ok((tree, ()))
    })
    .unwrap();
    let partial = proof.to_tree().unwrap();
    partial.find(&["main", "3", "tables", "contents", "0", "3", "refs", "length"]).unwrap();
}

#[test]
fn nothing_is_popped_off_a_stack_of_negative_length() {
    let mut values = Values::with_length(-1);
    assert!(matches!(values.pop_i32(), Err(Fault::Interpreter(_))));
}
