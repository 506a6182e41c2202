//! The steps of a module: from section to section, and the last checks.

use super::code::{code, data, elem};
use super::opcode::{global_type, limits, table_type};
use super::state::{
    BlockStep, CodeStep, DataStep, Decoding, ElemStep, Elements, ExportStep, FuncTypeStep, Funcs, ImportStep,
    ModuleStep, Section, Size,
};
use super::step::{block, custom, export, func_type, import};
use super::stream::{Result, Stream, no_step, refuse, require};
use crate::lazy::{Filling, Maybe, Place, Vec32};
use crate::wasm::instruction::Instruction;
use crate::wasm::module::{Allocations, Func, Global, Module};
use crate::wasm::types::MemoryType;

const MAGIC: u32 = 0x6d73_6100;
const VERSION: u32 = 1;

/// The sections by their numbers.
const SECTIONS: [Option<Section>; 13] = [
    None,
    Some(Section::Type),
    Some(Section::Import),
    Some(Section::Func),
    Some(Section::Table),
    Some(Section::Memory),
    Some(Section::Global),
    Some(Section::Export),
    Some(Section::Start),
    Some(Section::Elem),
    Some(Section::Code),
    Some(Section::Data),
    Some(Section::DataCount),
];

enum Id {
    End,
    Custom,
    Section(Section),
}

fn id(s: &mut Stream) -> Result<Id> {
    let Some(byte) = s.peek()? else { return Ok(Id::End) };
    match SECTIONS.get(usize::from(byte)) {
        Some(Some(section)) => Ok(Id::Section(*section)),
        Some(None) => Ok(Id::Custom),
        None => refuse("malformed section id"),
    }
}

fn is_next(s: &mut Stream, section: Section) -> Result<bool> {
    Ok(matches!(id(s)?, Id::Section(found) if found == section))
}

/// The next state.
pub(super) fn step(s: &mut Stream, state: &mut Decoding) -> Result<()> {
    let step = std::mem::replace(&mut state.step, ModuleStep::Start);
    let allocations = &mut state.allocations;
    state.step = match step {
        ModuleStep::Start => {
            let magic = s.word()?;
            require(magic == MAGIC, "magic header not detected")?;
            let version = s.word()?;
            require(version == VERSION, "unknown binary version")?;
            skip_to(Some(Section::Type))
        }
        ModuleStep::SkipCustom { next } => match (id(s)?, next.0) {
            (Id::Custom, next) => {
                custom(s)?;
                skip_to(next)
            }
            (_, Some(section)) => ModuleStep::SectionStart { section },
            (_, None) => {
                let types = state.sections.funcs.clone();
                let bodies = state.sections.code.clone();
                if types.length() == bodies.length() {
                    let funcs = Filling::of_length(types.length());
                    ModuleStep::Elaborate { types, bodies, funcs, blocks: Maybe(None), no_data: true }
                } else {
                    ModuleStep::Build { funcs: Maybe(None), no_data: true }
                }
            }
        },
        ModuleStep::SectionStart { section } => section_start(s, state, section)?,
        ModuleStep::Section { elements, size } => section(s, state, elements, size)?,
        ModuleStep::Type { step: FuncTypeStep::Stop { func_type }, size, mut done, .. } => {
            done.push(func_type);
            ModuleStep::Section { elements: Elements::Types { elements: done }, size }
        }
        ModuleStep::Type { step, pos, size, done } => {
            ModuleStep::Type { step: func_type(s, step)?, pos, size, done }
        }
        ModuleStep::Import { step: ImportStep::Stop { import }, size, mut done, .. } => {
            done.push(import);
            ModuleStep::Section { elements: Elements::Imports { elements: done }, size }
        }
        ModuleStep::Import { step, pos, size, done } => {
            ModuleStep::Import { step: import(s, step)?, pos, size, done }
        }
        ModuleStep::Export { step: ExportStep::Stop { export }, size, mut done, .. } => {
            done.push(export);
            ModuleStep::Section { elements: Elements::Exports { elements: done }, size }
        }
        ModuleStep::Export { step, pos, size, done } => {
            ModuleStep::Export { step: export(s, step)?, pos, size, done }
        }
        ModuleStep::Global { gtype, block: BlockStep::Stop { block }, size, mut done, .. } => {
            s.end()?;
            done.push(Global { gtype, init: block });
            ModuleStep::Section { elements: Elements::Globals { elements: done }, size }
        }
        ModuleStep::Global { gtype, pos, block: step, size, done } => {
            ModuleStep::Global { gtype, pos, block: block(s, allocations, step)?, size, done }
        }
        ModuleStep::Elem { step: ElemStep::Stop { segment }, size, mut done, .. } => {
            done.push(segment);
            ModuleStep::Section { elements: Elements::Elems { elements: done }, size }
        }
        ModuleStep::Elem { step, pos, size, done } => {
            ModuleStep::Elem { step: elem(s, allocations, step)?, pos, size, done }
        }
        ModuleStep::Data { step: DataStep::Stop { segment }, size, mut done, .. } => {
            done.push(segment);
            ModuleStep::Section { elements: Elements::Datas { elements: done }, size }
        }
        ModuleStep::Data { step, pos, size, done } => {
            ModuleStep::Data { step: data(s, allocations, step)?, pos, size, done }
        }
        ModuleStep::Code { step: CodeStep::Stop { func }, size, mut done, .. } => {
            done.push(func);
            ModuleStep::Section { elements: Elements::Code { elements: done }, size }
        }
        ModuleStep::Code { step, pos, size, done } => {
            ModuleStep::Code { step: code(s, allocations, step)?, pos, size, done }
        }
        ModuleStep::Elaborate { types, bodies, funcs, blocks, no_data } => {
            let elaborate = Elaborate { types, bodies, funcs, no_data };
            elaborate.step(allocations, blocks.0)?
        }
        ModuleStep::Build { funcs, no_data } => build(s, state, funcs.0, no_data)?,
        ModuleStep::Stop { .. } => return no_step("Module_step"),
    };
    state.pos = s.pos32();
    Ok(())
}

fn skip_to(next: Option<Section>) -> ModuleStep {
    ModuleStep::SkipCustom { next: Maybe(next) }
}

fn section_start(s: &mut Stream, state: &mut Decoding, section: Section) -> Result<ModuleStep> {
    let there = is_next(s, section)?;
    if matches!(section, Section::Start | Section::DataCount) {
        let value = if there {
            s.byte()?;
            let size = s.size()?;
            let value = s.var()?;
            s.check_size(&size)?;
            Some(value)
        } else {
            None
        };
        return Ok(match section {
            Section::Start => {
                state.sections.start = value;
                skip_to(Some(Section::Elem))
            }
            _ => {
                state.sections.data_count = value;
                skip_to(Some(Section::Code))
            }
        });
    }
    let (size, count) = if there {
        s.byte()?;
        let size = s.size()?;
        (size, s.length()?)
    } else {
        (Size { size: 0, start: s.pos32() }, 0)
    };
    macro_rules! empty {
        ($case:ident) => {
            Elements::$case { elements: Filling::of_length(count) }
        };
    }
    let elements = match section {
        Section::Type => empty!(Types),
        Section::Import => empty!(Imports),
        Section::Func => empty!(Funcs),
        Section::Table => empty!(Tables),
        Section::Memory => empty!(Memories),
        Section::Global => empty!(Globals),
        Section::Export => empty!(Exports),
        Section::Elem => empty!(Elems),
        Section::Code => empty!(Code),
        Section::Data | Section::Start | Section::DataCount => empty!(Datas),
    };
    Ok(ModuleStep::Section { elements, size })
}

/// At the end of a section its elements are put down; before it, the next element begins.
fn section(s: &mut Stream, state: &mut Decoding, elements: Elements, size: Size) -> Result<ModuleStep> {
    fn end<V, P: Place>(
        s: &Stream,
        size: &Size,
        elements: Filling<V, P>,
        place: &mut Vec32<V>,
        next: Option<Section>,
    ) -> Result<ModuleStep> {
        s.check_size(size)?;
        *place = elements.vector;
        Ok(skip_to(next))
    }
    let sections = &mut state.sections;
    let pos = s.pos32();
    match elements {
        Elements::Types { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.types, Some(Section::Import))
        }
        Elements::Types { elements: done } => {
            Ok(ModuleStep::Type { step: FuncTypeStep::Start, pos, size, done })
        }
        Elements::Imports { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.imports, Some(Section::Func))
        }
        Elements::Imports { elements: done } => {
            Ok(ModuleStep::Import { step: ImportStep::Start, pos, size, done })
        }
        Elements::Funcs { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.funcs, Some(Section::Table))
        }
        Elements::Funcs { mut elements } => {
            elements.push(s.var()?);
            Ok(ModuleStep::Section { elements: Elements::Funcs { elements }, size })
        }
        Elements::Tables { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.tables, Some(Section::Memory))
        }
        Elements::Tables { mut elements } => {
            elements.push(table_type(s)?);
            Ok(ModuleStep::Section { elements: Elements::Tables { elements }, size })
        }
        Elements::Memories { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.memories, Some(Section::Global))
        }
        Elements::Memories { mut elements } => {
            elements.push(MemoryType(limits(s)?));
            Ok(ModuleStep::Section { elements: Elements::Memories { elements }, size })
        }
        Elements::Globals { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.globals, Some(Section::Export))
        }
        Elements::Globals { elements: done } => {
            let gtype = global_type(s)?;
            Ok(ModuleStep::Global { gtype, pos: s.pos32(), block: BlockStep::Start, size, done })
        }
        Elements::Exports { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.exports, Some(Section::Start))
        }
        Elements::Exports { elements: done } => {
            Ok(ModuleStep::Export { step: ExportStep::Start, pos, size, done })
        }
        Elements::Elems { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.elems, Some(Section::DataCount))
        }
        Elements::Elems { elements: done } => Ok(ModuleStep::Elem { step: ElemStep::Start, pos, size, done }),
        Elements::Code { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.code, Some(Section::Data))
        }
        Elements::Code { elements: done } => Ok(ModuleStep::Code { step: CodeStep::Start, pos, size, done }),
        Elements::Datas { elements } if elements.is_full() => {
            end(s, &size, elements, &mut sections.datas, None)
        }
        Elements::Datas { elements: done } => Ok(ModuleStep::Data { step: DataStep::Start, pos, size, done }),
    }
}

/// Joins bodies and types, and looks for instructions on segments of data.
struct Elaborate {
    types: Vec32<i32>,
    bodies: Vec32<Func>,
    funcs: Filling<Func>,
    no_data: bool,
}

type Blocks = Filling<Filling<Instruction>>;

impl Elaborate {
    fn with(self, blocks: Option<Blocks>) -> ModuleStep {
        let Self { types, bodies, funcs, no_data } = self;
        ModuleStep::Elaborate { types, bodies, funcs, blocks: Maybe(blocks), no_data }
    }

    fn step(mut self, allocations: &mut Allocations, blocks: Option<Blocks>) -> Result<ModuleStep> {
        let Some(mut blocks) = blocks else {
            if self.funcs.is_full() {
                let funcs = Maybe(Some(Funcs { funcs: self.funcs.vector }));
                return Ok(ModuleStep::Build { funcs, no_data: self.no_data });
            }
            let ftype = *self.types.get(self.funcs.offset)?;
            let func = Func { ftype, ..self.bodies.get(self.funcs.offset)?.clone() };
            let body = func.body;
            self.funcs.push(func);
            if !self.no_data {
                return Ok(self.with(None));
            }
            let first = Filling::through(instructions(allocations, body)?);
            return Ok(self.with(Some(Filling::through(Vec32::singleton(first)))));
        };
        if blocks.is_full() {
            return Ok(self.with(None));
        }
        let current = blocks.vector.get_mut(blocks.offset)?;
        if current.is_full() {
            blocks.offset = blocks.offset.wrapping_add(1);
            return Ok(self.with(Some(blocks)));
        }
        let (no_data, inner) = match current.vector.get(current.offset)? {
            Instruction::MemoryInit(_) | Instruction::DataDrop(_) => (false, [None, None]),
            Instruction::Block(_, block) | Instruction::Loop(_, block) => (true, [Some(*block), None]),
            Instruction::If(_, then, otherwise) => (true, [Some(*then), Some(*otherwise)]),
            _ => (true, [None, None]),
        };
        current.offset = current.offset.wrapping_add(1);
        for block in inner.into_iter().flatten() {
            blocks.vector.append(Filling::through(instructions(allocations, block)?));
        }
        self.no_data &= no_data;
        let blocks = self.no_data.then_some(blocks);
        Ok(self.with(blocks))
    }
}

fn instructions(allocations: &mut Allocations, block: i32) -> Result<Vec32<Instruction>> {
    Ok(allocations.blocks.get(block)?.instructions.clone())
}

fn build(s: &Stream, state: &Decoding, funcs: Option<Funcs>, no_data: bool) -> Result<ModuleStep> {
    let sections = &state.sections;
    require(s.at_end(), "unexpected content after last section")?;
    let counted = sections.data_count.is_none_or(|count| count == sections.datas.length());
    require(counted, "data count and data section have inconsistent lengths")?;
    let Some(Funcs { funcs }) = funcs else {
        return refuse("function and code section have inconsistent lengths");
    };
    require(sections.data_count.is_some() || no_data, "data count section required")?;
    let module = Module {
        types: sections.types.clone(),
        globals: sections.globals.clone(),
        tables: sections.tables.clone(),
        memories: sections.memories.clone(),
        funcs,
        start: sections.start,
        elems: sections.elems.clone(),
        datas: sections.datas.clone(),
        imports: sections.imports.clone(),
        exports: sections.exports.clone(),
        allocations: state.allocations.clone(),
    };
    Ok(ModuleStep::Stop { module: Box::new(module) })
}
