//! The shapes of an evaluation: what a state holds between two ticks.

use super::bulk;
use super::value::{Ref, Value, Values};
use crate::instance::{FunctionRef, Modules};
use crate::lazy::node::{read_at, write_at};
use crate::lazy::{Joining, Leaf, Maybe, Node, Text, Vec32, leaf_nodes, record, union};
use crate::state::StateError;
use crate::wasm::instruction::Instruction;
use crate::wasm::module::Func;
use crate::wasm::types::ValueType;
use soru_base::bin::{DecodeError, Reader, put_z};
use soru_merkle::Tree;

union! {
    /// What is to be done next: an instruction of the kernel, or one that only the machine has.
    Task {
        // The instructions of a block, from an index on.
        "From_block" FromBlock { block: i32 = ["1"], index: i32 = ["2"] },
        "Plain" Plain { instruction: Instruction = [] },
        "Refer" Refer { reference: Ref = [] },
        "Invoke" Invoke { function: FunctionRef = [] },
        "Trapping" Trapping { message: Text = [] },
        "Returning" Returning { values: Box<Values> = [] },
        "Breaking" Breaking { depth: i32 = ["1"], values: Box<Values> = ["2"] },
        "Table_init_meta" TableInit { bulk: Box<bulk::TableInit> = [] },
        "Table_fill_meta" TableFill { bulk: Box<bulk::TableFill> = [] },
        "Table_copy_meta" TableCopy { bulk: Box<bulk::TableCopy> = [] },
        "Memory_init_meta" MemoryInit { bulk: Box<bulk::MemoryInit> = [] },
        "Memory_fill_meta" MemoryFill { bulk: Box<bulk::MemoryFill> = [] },
        "Memory_copy_meta" MemoryCopy { bulk: Box<bulk::MemoryCopy> = [] },
    }
}

/// Tasks, the next one first.
pub(crate) type Tasks = Vec32<Task>;

record! {
    /// A function at work.
    Frame {
        module: Text = ["module"],
        locals: Values = ["locals"],
    }
}

record! {
    /// A block at work.
    Label {
        // How many values a jump to it takes along.
        arity: Option<i32> = ["arity"],
        // What a jump to it leads to.
        on_break: Maybe<Instruction> = ["label_break"],
        values: Values = ["values"],
        tasks: Tasks = ["instructions"],
    }
}

record! {
    /// The blocks of a function: the innermost one, and those around it.
    Labels {
        top: Label = ["top"],
        rest: Vec32<Label> = ["rst"],
    }
}

/// Copies have no more entries of their own than this.
pub(super) const COPIED: usize = 1 << 10;

impl Labels {
    /// A copy that costs little, however much there is.
    pub(super) fn share(&mut self) -> Result<Self, StateError> {
        Ok(Self { top: self.top.share()?, rest: self.rest.share(COPIED)? })
    }
}

impl Label {
    /// A copy that costs little, however much there is.
    pub(super) fn share(&mut self) -> Result<Self, StateError> {
        let Self { arity, on_break, values, tasks } = self;
        Ok(Self {
            arity: *arity,
            on_break: on_break.clone(),
            values: values.share(COPIED)?,
            tasks: tasks.share(COPIED)?,
        })
    }
}

union! {
    /// The blocks of a function that goes on.
    Ongoing {
        "Label_stack" Labels { labels: Labels = [] },
    }
}

union! {
    /// What a function has come to.
    Progress {
        "Label_stack" Going { labels: Labels = [] },
        "Label_result" Result { values: Values = [] },
        "Label_trapped" Trapped { message: Text = [] },
    }
}

record! {
    /// A function at work, and how far it is.
    Call {
        arity: Option<i32> = ["arity"],
        frame: Frame = ["frame"],
        progress: Progress = ["label_kont"],
    }
}

union! {
    /// What a kernel waits for.
    Request {
        // A hash with its scheme.
        "Reveal_raw_data" Preimage { hash: Text = [] },
        "Reveal_metadata" Metadata,
        "Reveal_raw" Raw { payload: Text = [] },
    }
}

impl Request {
    /// As the machine asks for it.
    pub(crate) fn payload(&self) -> Vec<u8> {
        match self {
            Self::Preimage { hash } => [&[0], hash.0.as_slice()].concat(),
            Self::Metadata => vec![1],
            Self::Raw { payload } => payload.0.clone(),
        }
    }

    pub(crate) fn of_payload(payload: &[u8]) -> Self {
        match payload {
            [0, hash @ ..] => Self::Preimage { hash: Text(hash.to_vec()) },
            [1] => Self::Metadata,
            other => Self::Raw { payload: Text(other.to_vec()) },
        }
    }
}

/// Ticks that are still to be paid: a number without a bound in the state, of which no host function takes many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticks(pub(crate) u64);

impl Leaf for Ticks {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put_z(out, &self.0.into());
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let ticks = r.z("ticks")?;
        u64::try_from(&ticks).map(Self).map_err(|_| r.invalid("ticks", format!("{ticks}")))
    }
}

leaf_nodes!(Ticks);

union! {
    /// The steps of a call.
    Invocation {
        "Inv_start" Start { function: FunctionRef = ["func"], values: Values = ["values"], tasks: Tasks = ["instructions"] },
        // Its own locals are made.
        "Inv_prepare_locals" Locals {
            arity: i32 = ["arity"], args: Values = ["args"], values: Values = ["values"],
            tasks: Tasks = ["instructions"], module: Text = ["inst"], func: Func = ["func"],
            types: Vec32<ValueType> = ["kont", "origin", "x"], done: Values = ["kont", "destination", "y"],
            offset: i32 = ["kont", "offset"],
        },
        // The arguments are put in order.
        "Inv_prepare_args" Args {
            arity: i32 = ["arity"], values: Values = ["values"], tasks: Tasks = ["instructions"],
            module: Text = ["inst"], func: Func = ["func"], locals: Values = ["locals"],
            args: Values = ["kont", "origin", "1"], done: Values = ["kont", "destination", "2"],
            offset: i32 = ["kont", "offset"],
        },
        // Arguments and locals become one.
        "Inv_concat" Joining {
            arity: i32 = ["arity"], values: Values = ["values"], tasks: Tasks = ["instructions"],
            module: Text = ["inst"], func: Func = ["func"], join: JoiningLocals = ["kont"],
        },
        "Inv_reveal_tick" Reveal {
            request: Request = ["reveal"], destination: i32 = ["base_destination"], max: i32 = ["max_bytes"],
            values: Values = ["values"], tasks: Tasks = ["instructions"],
        },
        "Inv_stop" Stop {
            values: Values = ["values"], tasks: Tasks = ["instructions"], fresh: Maybe<Box<Call>> = ["fresh_frame"],
            remaining: Ticks = ["remaining_ticks"],
        },
    }
}

/// Two vectors that become the locals of a function. The state has them one level deeper.
#[derive(Debug, Clone)]
pub(crate) struct JoiningLocals(pub(crate) Joining<Value>);

impl Node for JoiningLocals {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        Ok(Self(Joining {
            left: read_at(tree, &["lv", "2"])?,
            right: read_at(tree, &["rv", "2"])?,
            done: read_at(tree, &["res", "2"])?,
            offset: read_at(tree, &["offset"])?,
        }))
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&mut self.0.left, dir, &["lv", "2"])?;
        write_at(&mut self.0.right, dir, &["rv", "2"])?;
        write_at(&mut self.0.done, dir, &["res", "2"])?;
        write_at(&mut self.0.offset, dir, &["offset"])
    }
}

union! {
    /// The steps of a block.
    LabelStep {
        "LS_Start" Start { labels: Ongoing = [] },
        "LS_Craft_frame" Invoke { labels: Ongoing = ["label_kont"], invocation: Box<Invocation> = ["invoke_kont"] },
        "LS_Push_frame" Push { labels: Ongoing = ["label_kont"], fresh: Box<Call> = ["fresh_frame"] },
        // The values of an inner block go to the one around it.
        "LS_Consolidate_top" Leave {
            label: Label = ["label"], stacking: Box<Joining<Value>> = ["kont"], tasks: Tasks = ["instructions"],
            rest: Vec32<Label> = ["labels-stack"],
        },
        "LS_Modify_top" Modified { progress: Progress = [] },
    }
}

union! {
    /// The steps of an evaluation.
    Step {
        "SK_Start" Start { top: Call = ["top"], rest: Vec32<Call> = ["rst"] },
        "SK_Next" Next { top: Call = ["top"], rest: Vec32<Call> = ["rst"], step: LabelStep = ["kont"] },
        // The results of a function go to the one that called it.
        "SK_Consolidate_label_result" Return {
            top: Call = ["top-frame"], rest: Vec32<Call> = ["frames-stack"], label: Label = ["top-label"],
            stacking: Box<Joining<Value>> = ["kont"], tasks: Tasks = ["instructions"], labels: Vec32<Label> = ["labels-stack"],
        },
        "SK_Result" Result { values: Values = [] },
        "SK_Trapped" Trapped { message: Text = [] },
    }
}

record! {
    /// An evaluation.
    Config {
        step: Step = ["step_kont"],
        // How many calls may be inside of one another.
        stack_limit: i32 = ["stack_size_limit"],
    }
}

record! {
    /// A kernel that runs.
    Evaluation {
        config: Config = ["config"],
        modules: Modules = ["modules"],
    }
}
