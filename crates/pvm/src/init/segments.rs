//! The tasks that fill tables and memory and call the start function.

use super::state::{DataTasks, ElemTasks, InitStep, JoinTasks};
use crate::eval::{Config, Fault, Step, Task, Tasks};
use crate::lazy::{Joining, Text, Vec32};
use crate::numeric::Number;
use crate::wasm::instruction::Instruction;
use crate::wasm::module::{Allocations, DataSegment, ElemSegment, Module, SegmentMode};

impl ElemTasks {
    pub(super) fn of(segments: Vec32<ElemSegment>) -> Self {
        let done = Vec32::with_length(segments.length());
        Self::Each { segments, done, offset: 0 }
    }

    fn step(self) -> Result<Self, Fault> {
        Ok(match self {
            Self::Each { segments, done, offset } if offset == segments.length() => {
                Self::Join { join: JoinTasks::Parts { parts: done } }
            }
            Self::Each { mut segments, mut done, offset } => {
                done.set(offset, elem_tasks(offset, segments.get(offset)?));
                Self::Each { segments, done, offset: offset.wrapping_add(1) }
            }
            Self::Join { join } => Self::Join { join: join.step()? },
        })
    }
}

impl DataTasks {
    fn of(segments: Vec32<DataSegment>) -> Self {
        let done = Vec32::with_length(segments.length());
        Self::Each { segments, done, offset: 0 }
    }

    fn step(self, allocations: &mut Allocations) -> Result<Self, Fault> {
        Ok(match self {
            Self::Each { segments, done, offset } if offset == segments.length() => {
                Self::Join { join: JoinTasks::Parts { parts: done } }
            }
            Self::Each { mut segments, mut done, offset } => {
                done.set(offset, data_tasks(offset, segments.get(offset)?, allocations)?);
                Self::Each { segments, done, offset: offset.wrapping_add(1) }
            }
            Self::Join { join } => Self::Join { join: join.step()? },
        })
    }
}

impl JoinTasks {
    /// All of them, if they are one.
    fn take(&mut self) -> Option<Tasks> {
        match self {
            Self::Parts { parts } if parts.is_empty() => Some(Tasks::default()),
            Self::Done { tasks } => Some(std::mem::take(tasks)),
            _ => None,
        }
    }

    fn step(self) -> Result<Self, Fault> {
        Ok(match self {
            Self::Parts { mut parts } if parts.length() == 1 => Self::Done { tasks: parts.get(0)?.clone() },
            Self::Parts { mut parts } => {
                let (first, second) = (parts.pop()?, parts.pop()?);
                Self::Going { join: Joining::of(first, second), parts }
            }
            Self::Going { join, parts } if join.is_done() && parts.is_empty() => {
                Self::Done { tasks: join.done }
            }
            Self::Going { join, mut parts } if join.is_done() => {
                let next = parts.pop()?;
                Self::Going { join: Joining::of(join.done, next), parts }
            }
            Self::Going { mut join, parts } => {
                join.step()?;
                Self::Going { join, parts }
            }
            done @ Self::Done { .. } => done,
        })
    }
}

fn taken(tasks: &mut ElemTasks) -> Option<Tasks> {
    match tasks {
        ElemTasks::Join { join } => join.take(),
        ElemTasks::Each { .. } => None,
    }
}

/// The steps behind the data of an instance.
pub(super) fn step(
    step: InitStep,
    name: &Text,
    module: &mut Module,
    stack_limit: i32,
) -> Result<InitStep, Fault> {
    Ok(match step {
        InitStep::FillTables { instance, mut tasks } => match taken(&mut tasks) {
            Some(elems) => {
                let tasks = DataTasks::of(module.datas.clone());
                InitStep::FillMemory { instance, tasks, elems }
            }
            None => InitStep::FillTables { instance, tasks: tasks.step()? },
        },
        InitStep::FillMemory { mut instance, mut tasks, elems } => {
            let datas = match &mut tasks {
                DataTasks::Join { join } => join.take(),
                DataTasks::Each { .. } => None,
            };
            match datas {
                Some(datas) => {
                    let start = module.start.map(|start| plain(Instruction::Call(start)));
                    let parts = [elems, datas, start.into_iter().collect()].into_iter().collect();
                    InitStep::AllTasks { instance, join: JoinTasks::Parts { parts } }
                }
                None => {
                    let tasks = tasks.step(&mut instance.allocations)?;
                    InitStep::FillMemory { instance, tasks, elems }
                }
            }
        }
        InitStep::AllTasks { instance, mut join } => match join.take() {
            Some(tasks) => {
                InitStep::Evaluate { config: Box::new(Config::of_tasks(name, stack_limit, tasks)) }
            }
            None => InitStep::AllTasks { instance, join: join.step()? },
        },
        InitStep::Evaluate { config } => match &config.step {
            Step::Result { .. } => InitStep::Stop,
            Step::Trapped { message } => return Err(Fault::crash(String::from_utf8_lossy(&message.0))),
            // The evaluation makes its own ticks.
            _ => InitStep::Evaluate { config },
        },
        other => other,
    })
}

fn plain(instruction: Instruction) -> Task {
    Task::Plain { instruction }
}

fn number(n: i32) -> Task {
    plain(Instruction::Const(Number::I32(n)))
}

fn elem_tasks(segment: i32, elem: &ElemSegment) -> Tasks {
    match elem.mode {
        SegmentMode::Passive => Tasks::default(),
        SegmentMode::Declarative => Tasks::singleton(plain(Instruction::ElemDrop(segment))),
        SegmentMode::Active { index: table, offset: block } => [
            Task::FromBlock { block, index: 0 },
            number(0),
            number(elem.init.length()),
            plain(Instruction::TableInit { table, segment }),
            plain(Instruction::ElemDrop(segment)),
        ]
        .into_iter()
        .collect(),
    }
}

fn data_tasks(segment: i32, data: &DataSegment, allocations: &mut Allocations) -> Result<Tasks, Fault> {
    Ok(match data.mode {
        SegmentMode::Passive => Tasks::default(),
        SegmentMode::Declarative => {
            return Err(Fault::explained(
                "Tezos_webassembly_interpreter.Eval.Init_step_error(_)",
                "Run_data_step",
            ));
        }
        SegmentMode::Active { index, .. } if index != 0 => {
            return Err(Fault::assertion("src/lib_webassembly/exec/eval.ml", 1832, 6));
        }
        SegmentMode::Active { offset: block, .. } => {
            let length = allocations.datas.look(data.init)?.length();
            [
                Task::FromBlock { block, index: 0 },
                number(0),
                number(length as i32),
                plain(Instruction::MemoryInit(segment)),
                plain(Instruction::DataDrop(segment)),
            ]
            .into_iter()
            .collect()
        }
    })
}
