//! Reading a kernel as the machine reads it: the same things are refused, in the same order, with the same words.
//!
//! The words matter: they are part of the state of a machine that is stuck. What is kept is only what linking,
//! initialising and instrumenting ask for.

mod code;
mod names;
mod reader;
mod types;

pub(crate) use code::Initial;
use code::{Seen, expression, initial};
use reader::{END, Extent, Reader, Result};
pub(crate) use types::{FLOATS, FuncType, Limits, ValueType};
use types::{func_type, global_type, limits, ref_type, table_type};

/// The machine cannot read a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecodeError {
    /// The machine's own words.
    pub(crate) reason: String,
    /// Byte of the kernel.
    pub(crate) offset: usize,
    /// Function, when it is inside of one.
    pub(crate) function: Option<FunctionPlace>,
}

/// A function, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionPlace {
    pub(crate) index: u32,
    pub(crate) name: Option<String>,
}

/// Something imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) item: String,
    pub(crate) kind: ImportKind,
}

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportKind {
    /// A function, by the index of its type.
    Function(u32),
    Table(ValueType, Limits),
    Memory(Limits),
    Global {
        value: ValueType,
        mutable: bool,
    },
}

/// Something exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) name: String,
    pub(crate) kind: ExportKind,
    pub(crate) index: u32,
}

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportKind {
    Function,
    Table,
    Memory,
    Global,
}

/// A global of the kernel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Global {
    pub(crate) value: ValueType,
    pub(crate) initial: Initial,
}

impl Global {
    /// What the machine says when the initial value is wrong.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        match self.initial {
            Initial::Nothing => Some("wrong number of results on stack"),
            Initial::Constant(value) if value != self.value => {
                Some("Tezos_webassembly_interpreter.Global.Type")
            }
            _ => None,
        }
    }
}

/// A kernel that the machine can read.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: Vec<Import>,
    /// Index of the type of each function of its own.
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<Limits>,
    pub(crate) memories: Vec<Limits>,
    pub(crate) globals: Vec<Global>,
    pub(crate) exports: Vec<Export>,
    pub(crate) start: Option<u32>,
    /// The offset of an active segment is a constant that is no i32.
    pub(crate) ill_typed_offset: bool,
    /// An instruction after which the machine has no next state: where it is.
    pub(crate) unwritable: Option<usize>,
}

impl Module {
    /// How many functions are imported. They come first in the numbering.
    pub(crate) fn imported_functions(&self) -> usize {
        self.imports.iter().filter(|import| matches!(import.kind, ImportKind::Function(_))).count()
    }

    /// Whether two exports have one name. The machine does not mind.
    pub(crate) fn has_twins(&self) -> bool {
        let names: std::collections::BTreeSet<_> = self.exports.iter().map(|export| &export.name).collect();
        names.len() < self.exports.len()
    }

    /// The type of a function, imported or not.
    pub(crate) fn function_type(&self, index: u32) -> Option<&FuncType> {
        let index = index as usize;
        let mut imported = self.imports.iter().filter_map(|import| match import.kind {
            ImportKind::Function(of_type) => Some(of_type),
            _ => None,
        });
        let of_type = match imported.nth(index) {
            Some(of_type) => of_type,
            None => *self.functions.get(index - self.imported_functions())?,
        };
        self.types.get(of_type as usize)
    }
}

/// Reads a kernel.
pub(crate) fn decode(bytes: &[u8]) -> Result<Module> {
    let mut decoder =
        Decoder { reader: Reader::new(bytes), module: Module::default(), seen: Seen::default() };
    match decoder.module() {
        Ok(()) => Ok(Module { unwritable: decoder.seen.unwritable, ..decoder.module }),
        Err(mut error) => {
            if let Some(place) = &mut error.function {
                place.name = names::function(bytes, place.index);
            }
            Err(error)
        }
    }
}

struct Decoder<'a> {
    reader: Reader<'a>,
    module: Module,
    seen: Seen,
}

impl Decoder<'_> {
    fn module(&mut self) -> Result<()> {
        if self.word()? != *b"\0asm" {
            return self.reader.fail(0, "magic header not detected");
        }
        if self.word()? != [1, 0, 0, 0] {
            return self.reader.fail(4, "unknown binary version");
        }
        self.section(1, |d| func_type(&mut d.reader).map(|t| d.module.types.push(t)))?;
        self.section(2, Self::import)?;
        self.section(3, |d| d.reader.u32().map(|t| d.module.functions.push(t)))?;
        self.section(4, |d| table_type(&mut d.reader).map(|(_, l)| d.module.tables.push(l)))?;
        self.section(5, |d| limits(&mut d.reader).map(|l| d.module.memories.push(l)))?;
        self.section(6, |d| {
            let (value, _) = global_type(&mut d.reader)?;
            let initial = d.expression()?;
            d.module.globals.push(Global { value, initial });
            Ok(())
        })?;
        self.section(7, Self::export)?;
        self.start()?;
        self.section(9, Self::element)?;
        let data_count = self.data_count()?;
        let mut bodies = 0;
        self.section(10, |d| {
            let index = (d.module.imported_functions() + bodies) as u32;
            bodies += 1;
            d.body().map_err(|mut error| {
                error.function = Some(FunctionPlace { index, name: None });
                error
            })
        })?;
        let mut segments = 0;
        self.section(11, |d| {
            segments += 1;
            d.data()
        })?;
        self.skip_custom()?;
        self.check(data_count, bodies, segments)
    }

    fn check(&self, data_count: Option<u32>, bodies: usize, segments: u32) -> Result<()> {
        let end = self.reader.position();
        if !self.reader.at_end() {
            return self.reader.fail(end, "unexpected content after last section");
        }
        if data_count.is_some_and(|count| count != segments) {
            return self.reader.fail(end, "data count and data section have inconsistent lengths");
        }
        if bodies != self.module.functions.len() {
            return self.reader.fail(end, "function and code section have inconsistent lengths");
        }
        if data_count.is_none() && self.seen.data_segments {
            return self.reader.fail(end, "data count section required");
        }
        Ok(())
    }

    fn word(&mut self) -> Result<[u8; 4]> {
        let mut word = [0; 4];
        for byte in &mut word {
            *byte = self.reader.byte()?;
        }
        Ok(word)
    }

    /// The number of the next section, if there is one. Custom sections are gone over.
    fn next_section(&mut self) -> Result<Option<u8>> {
        self.skip_custom()?;
        match self.reader.peek() {
            Some(13..) => self.reader.fail(self.reader.position(), "malformed section id"),
            id => Ok(id),
        }
    }

    fn skip_custom(&mut self) -> Result<()> {
        while self.reader.peek() == Some(0) {
            self.reader.byte()?;
            let length = self.reader.length()?;
            let start = self.reader.position();
            self.reader.unused_name()?;
            match length.checked_sub(self.reader.position() - start) {
                Some(rest) => self.reader.take(rest)?,
                None => return self.reader.fail(start, END),
            };
        }
        match self.reader.peek() {
            Some(13..) => self.reader.fail(self.reader.position(), "malformed section id"),
            _ => Ok(()),
        }
    }

    /// The beginning of a section, if it is the next one.
    fn enter(&mut self, id: u8) -> Result<Option<Extent>> {
        if self.next_section()? != Some(id) {
            return Ok(None);
        }
        self.reader.byte()?;
        self.reader.size().map(Some)
    }

    fn section(&mut self, id: u8, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let Some(extent) = self.enter(id)? else { return Ok(()) };
        for _ in 0..self.reader.length()? {
            item(self)?;
        }
        self.reader.check_size(&extent)
    }

    fn start(&mut self) -> Result<()> {
        let Some(extent) = self.enter(8)? else { return Ok(()) };
        self.module.start = Some(self.reader.u32()?);
        self.reader.check_size(&extent)
    }

    fn data_count(&mut self) -> Result<Option<u32>> {
        let Some(extent) = self.enter(12)? else { return Ok(None) };
        let count = self.reader.u32()?;
        self.reader.check_size(&extent)?;
        Ok(Some(count))
    }

    fn expression(&mut self) -> Result<Initial> {
        // Only functions are searched for instructions on data segments.
        let mut seen = Seen { data_segments: false, ..self.seen };
        let initial = initial(self.reader.rest());
        expression(&mut self.reader, &mut seen)?;
        self.seen.unwritable = seen.unwritable;
        Ok(initial)
    }

    fn offset(&mut self) -> Result<()> {
        let initial = self.expression()?;
        self.module.ill_typed_offset |=
            !matches!(initial, Initial::Constant(ValueType::I32) | Initial::Other);
        Ok(())
    }

    fn import(&mut self) -> Result<()> {
        let module = self.reader.name()?.to_owned();
        let item = self.reader.name()?.to_owned();
        let kind = match self.reader.byte()? {
            0 => ImportKind::Function(self.reader.u32()?),
            1 => {
                let (element, limits) = table_type(&mut self.reader)?;
                ImportKind::Table(element, limits)
            }
            2 => ImportKind::Memory(limits(&mut self.reader)?),
            3 => {
                let (value, mutable) = global_type(&mut self.reader)?;
                ImportKind::Global { value, mutable }
            }
            _ => return self.reader.fail_back("malformed import kind"),
        };
        self.module.imports.push(Import { module, item, kind });
        Ok(())
    }

    fn export(&mut self) -> Result<()> {
        let name = self.reader.name()?.to_owned();
        let kind = match self.reader.byte()? {
            0 => ExportKind::Function,
            1 => ExportKind::Table,
            2 => ExportKind::Memory,
            3 => ExportKind::Global,
            _ => return self.reader.fail_back("malformed export kind"),
        };
        let index = self.reader.u32()?;
        self.module.exports.push(Export { name, kind, index });
        Ok(())
    }

    fn element(&mut self) -> Result<()> {
        let form = self.reader.u32()?;
        if form > 7 {
            return self.reader.fail_back("malformed elements segment kind");
        }
        let (passive, explicit, constants) = (form & 1 != 0, form & 2 != 0, form & 4 != 0);
        if !passive {
            if explicit {
                self.reader.u32()?;
            }
            self.offset()?;
        }
        if passive || explicit {
            if constants {
                ref_type(&mut self.reader)?;
            } else if self.reader.byte()? != 0 {
                return self.reader.fail_back("malformed element kind");
            }
        }
        for _ in 0..self.reader.length()? {
            if constants {
                self.expression()?;
            } else {
                self.reader.u32()?;
            }
        }
        Ok(())
    }

    fn data(&mut self) -> Result<()> {
        match self.reader.u32()? {
            0 => self.offset()?,
            1 => {}
            2 => {
                self.reader.u32()?;
                self.offset()?;
            }
            _ => return self.reader.fail_back("malformed data segment kind"),
        }
        let length = self.reader.length()?;
        self.reader.take(length).map(drop)
    }

    fn body(&mut self) -> Result<()> {
        let extent = self.reader.size()?;
        let start = self.reader.position();
        let mut locals = 0u64;
        for _ in 0..self.reader.length()? {
            // At most 2^32 groups of less than 2^32 each: no overflow.
            locals += u64::from(self.reader.u32()?);
            types::value_type(&mut self.reader)?;
        }
        if locals > u64::from(u32::MAX) {
            return self.reader.fail(start, "too many locals");
        }
        expression(&mut self.reader, &mut self.seen)?;
        self.reader.check_size(&extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_custom_sections_are_read() {
        let reason = |section: &[u8]| {
            let kernel = [&b"\0asm\x01\0\0\0"[..], &[0, section.len() as u8], section].concat();
            decode(&kernel).map(drop).map_err(|error| error.reason)
        };
        assert_eq!(reason(b"\x03abcrest"), Ok(()));
        assert_eq!(reason(b""), Err(END.into()));
        assert_eq!(reason(b"\x01\x80"), Err("malformed UTF-8 encoding".into()));
        assert_eq!(reason(b"\x02\xffx"), Err("malformed UTF-8 encoding".into()));
        assert_eq!(reason(b"\x03ab"), Err("malformed UTF-8 encoding".into()));
        assert_eq!(reason(b"\x09abc"), Err("length out of bounds".into()));
    }
}
