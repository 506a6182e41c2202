//! Instructions and their form in the state.

use super::types::{BlockType, RefType, ValueType, get_option, put_option};
use crate::lazy::node::{read_at, read_tag, write_at, write_tag};
use crate::lazy::{Leaf, Node, leaf_nodes, read_leaf};
use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader, put_sized};
use soru_merkle::Tree;

type Put = Result<(), StateError>;

/// An instruction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Instruction {
    /// One without immediates: the tag says which.
    Plain(&'static str),
    /// One with an index.
    Index(&'static str, i32),
    /// One with two indices: table and type, or the two that are copied between, destination first.
    Indices(&'static str, i32, i32),
    /// `block`, with its type and its instructions.
    Block(BlockType, i32),
    /// `loop`.
    Loop(BlockType, i32),
    /// `if`, and its two blocks.
    If(BlockType, i32, i32),
    BrTable(Indices, i32),
    Select(Option<Types>),
    RefNull(RefType),
    /// An access to memory.
    Memory(&'static str, MemoryAccess),
    Const(Constant),
    /// An operation on integers.
    Numeric(&'static str, Operation),
    /// An operation on vectors.
    Vector(&'static str, Operation),
    /// An operation on vectors of floats. The decoder takes it and the state has no form for it.
    Unwritable,
}

const PLAIN: [&str; 9] = [
    "Unreachable",
    "Nop",
    "Drop",
    "Return",
    "MemorySize",
    "MemoryGrow",
    "MemoryFill",
    "MemoryCopy",
    "RefIsNull",
];
const INDEX: [&str; 17] = [
    "Br",
    "BrIf",
    "Call",
    "LocalGet",
    "LocalSet",
    "LocalTee",
    "GlobalGet",
    "GlobalSet",
    "TableGet",
    "TableSet",
    "TableSize",
    "TableGrow",
    "TableFill",
    "ElemDrop",
    "MemoryInit",
    "DataDrop",
    "RefFunc",
];
const INDICES: [&str; 3] = ["CallIndirect", "TableCopy", "TableInit"];
const MEMORY: [&str; 6] = ["Load", "Store", "VecLoad", "VecStore", "VecLoadLane", "VecStoreLane"];
const NUMERIC: [&str; 5] = ["Test", "Compare", "Unary", "Binary", "Convert"];
const VECTOR: [&str; 14] = [
    "VecTest",
    "VecCompare",
    "VecUnary",
    "VecBinary",
    "VecConvert",
    "VecShift",
    "VecBitmask",
    "VecTestBits",
    "VecUnaryBits",
    "VecBinaryBits",
    "VecTernaryBits",
    "VecSplat",
    "VecExtract",
    "VecReplace",
];

fn known(tags: &[&'static str], tag: &str) -> Option<&'static str> {
    tags.iter().copied().find(|known| *known == tag)
}

impl Node for Instruction {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let tag = read_tag(tree)?.ok_or_else(|| StateError::missing(&["tag"]))?;
        let tag = tag.as_str();
        let one = ["value", "$1"];
        let (first, second, third) = (["value", "1", "$1"], ["value", "2", "$2"], ["value", "3", "$3"]);
        if let Some(tag) = known(&PLAIN, tag) {
            return Ok(Self::Plain(tag));
        }
        if let Some(tag) = known(&INDEX, tag) {
            return Ok(Self::Index(tag, read_at(tree, &one)?));
        }
        if let Some(tag) = known(&INDICES, tag) {
            return Ok(Self::Indices(tag, read_at(tree, &first)?, read_at(tree, &second)?));
        }
        if let Some(tag) = known(&MEMORY, tag) {
            let access = read_leaf(tree, &one, |r| MemoryAccess::get(tag, r))?;
            return Ok(Self::Memory(tag, access.ok_or_else(|| StateError::missing(&one))?));
        }
        if let Some(tag) = known(&NUMERIC, tag) {
            return Ok(Self::Numeric(tag, read_at(tree, &one)?));
        }
        if let Some(tag) = known(&VECTOR, tag) {
            return Ok(Self::Vector(tag, read_at(tree, &one)?));
        }
        Ok(match tag {
            "Block" => Self::Block(read_at(tree, &first)?, read_at(tree, &second)?),
            "Loop" => Self::Loop(read_at(tree, &first)?, read_at(tree, &second)?),
            "If" => Self::If(read_at(tree, &first)?, read_at(tree, &second)?, read_at(tree, &third)?),
            "BrTable" => Self::BrTable(read_at(tree, &first)?, read_at(tree, &second)?),
            "Select" => Self::Select(read_at::<OptionalTypes>(tree, &one)?.0),
            "RefNull" => Self::RefNull(read_at(tree, &one)?),
            "Const" | "VecConst" => Self::Const(read_at(tree, &one)?),
            other => return Err(StateError::malformed(&["tag"], format!("the tag {other:?}"))),
        })
    }

    fn write(&mut self, dir: &mut Tree) -> Put {
        let one = ["value", "$1"];
        let (first, second, third) = (["value", "1", "$1"], ["value", "2", "$2"], ["value", "3", "$3"]);
        match self {
            Self::Plain(tag) => {
                write_tag(dir, tag)?;
                Ok(dir.insert(&["value"], Vec::new())?)
            }
            Self::Index(tag, index) => {
                write_tag(dir, tag)?;
                write_at(index, dir, &one)
            }
            Self::Indices(tag, a, b) => {
                write_tag(dir, tag)?;
                write_at(a, dir, &first)?;
                write_at(b, dir, &second)
            }
            Self::Block(block_type, body) => {
                write_tag(dir, "Block")?;
                write_at(block_type, dir, &first)?;
                write_at(body, dir, &second)
            }
            Self::Loop(block_type, body) => {
                write_tag(dir, "Loop")?;
                write_at(block_type, dir, &first)?;
                write_at(body, dir, &second)
            }
            Self::If(block_type, then, otherwise) => {
                write_tag(dir, "If")?;
                write_at(block_type, dir, &first)?;
                write_at(then, dir, &second)?;
                write_at(otherwise, dir, &third)
            }
            Self::BrTable(targets, default) => {
                write_tag(dir, "BrTable")?;
                write_at(targets, dir, &first)?;
                write_at(default, dir, &second)
            }
            Self::Select(types) => {
                write_tag(dir, "Select")?;
                write_at(&mut OptionalTypes(types.clone()), dir, &one)
            }
            Self::RefNull(ref_type) => {
                write_tag(dir, "RefNull")?;
                write_at(ref_type, dir, &one)
            }
            Self::Memory(tag, access) => {
                write_tag(dir, tag)?;
                let mut bytes = Vec::new();
                access.put(&mut bytes)?;
                Ok(dir.insert(&one, bytes)?)
            }
            Self::Const(constant) => {
                write_tag(dir, if matches!(constant, Constant::V128(_)) { "VecConst" } else { "Const" })?;
                write_at(constant, dir, &one)
            }
            Self::Numeric(tag, operation) | Self::Vector(tag, operation) => {
                write_tag(dir, tag)?;
                write_at(operation, dir, &one)
            }
            Self::Unwritable => Err(StateError::malformed(
                &["tag"],
                "an instruction on floats, for which a state has no form",
            )),
        }
    }
}

/// Indices of labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Indices(pub(crate) Vec<i32>);

impl Leaf for Indices {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_sized(out, |out| self.0.iter().for_each(|index| out.extend_from_slice(&index.to_be_bytes())));
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut items = r.sub("indices")?;
        let mut indices = Vec::new();
        while !items.is_empty() {
            indices.push(items.i32("index")?);
        }
        Ok(Self(indices))
    }
}

/// Types of values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Types(pub(crate) Vec<ValueType>);

impl Leaf for Types {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_sized(out, |out| out.extend(self.0.iter().map(|value_type| *value_type as u8)));
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut items = r.sub("types")?;
        let mut types = Vec::new();
        while !items.is_empty() {
            types.push(ValueType::get(&mut items)?);
        }
        Ok(Self(types))
    }
}

#[derive(Clone)]
struct OptionalTypes(Option<Types>);

impl Leaf for OptionalTypes {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_option(self.0.as_ref(), out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        get_option(r).map(Self)
    }
}

/// A constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Constant {
    I32(i32),
    I64(i64),
    V128([u8; 16]),
}

impl Leaf for Constant {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        match self {
            Self::I32(n) => {
                out.push(0);
                n.put(out)
            }
            Self::I64(n) => {
                out.push(1);
                n.put(out)
            }
            Self::V128(bytes) => {
                out.push(0);
                put_sized(out, |out| out.extend_from_slice(bytes));
                Ok(())
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // The two unions of numbers and vectors differ in length.
        Ok(match r.u8("constant")? {
            0 if r.remaining() > 4 => {
                let mut bytes = r.sub("vector")?;
                let vector = bytes.array("vector")?;
                bytes.finish()?;
                Self::V128(vector)
            }
            0 => Self::I32(i32::get(r)?),
            1 => Self::I64(i64::get(r)?),
            tag => return Err(r.invalid("constant", format!("the tag {tag} (0 or 1 expected)"))),
        })
    }
}

/// Immediates of an access to memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemoryAccess {
    /// Of a number: 0 for int32, 1 for int64. Of vectors: nothing.
    pub(crate) wide: Option<u8>,
    pub(crate) align: i32,
    pub(crate) offset: i32,
    /// How the value is packed: an option of sizes and extensions, or a size and a lane.
    pub(crate) pack: Packing,
}

/// How a value is packed in memory: numbers of sizes (0 to 3 for 8 to 64 bits) and extensions (0: signed).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Packing {
    /// A load of a number, or of a vector: size, and two more numbers at most.
    Load(Option<(u8, Extension)>),
    /// A store of a number.
    Store(Option<u8>),
    /// A store of a vector.
    Whole,
    /// One lane of a vector.
    Lane { size: u8, lane: u8 },
}

/// What becomes of a packed value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Extension {
    /// An extended number; 0: signed.
    Number(u8),
    /// Extended lanes: shape (0 to 2) and extension.
    Lanes(u8, u8),
    /// In every lane.
    Splat,
    /// In the first lane; zeros in the others.
    Zero,
}

#[derive(Clone)]
struct Byte(u8);

impl Leaf for Byte {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(self.0);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u8("number").map(Self)
    }
}

impl MemoryAccess {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend(self.wide);
        self.align.put(out)?;
        self.offset.put(out)?;
        match self.pack {
            Packing::Load(None) => out.push(0),
            Packing::Load(Some((size, extension))) => {
                out.extend([1, size]);
                match extension {
                    Extension::Number(extension) => out.push(extension),
                    Extension::Lanes(shape, extension) => out.extend([0, shape, extension]),
                    Extension::Splat => out.push(1),
                    Extension::Zero => out.push(2),
                }
            }
            Packing::Store(size) => put_option(size.map(Byte).as_ref(), out)?,
            Packing::Whole => (),
            Packing::Lane { size, lane } => {
                out.push(size);
                i32::from(lane).put(out)?;
            }
        }
        Ok(())
    }

    fn get(tag: &str, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let vector = tag.starts_with("Vec");
        let wide = if vector { None } else { Some(r.u8("type")?) };
        let (align, offset) = (i32::get(r)?, i32::get(r)?);
        let pack = match tag {
            "Load" | "VecLoad" => Packing::Load(match r.u8("option")? {
                0 => None,
                _ => {
                    let size = r.u8("size")?;
                    let extension = match (vector, r.u8("extension")?) {
                        (false, extension) => Extension::Number(extension),
                        (true, 0) => Extension::Lanes(r.u8("shape")?, r.u8("extension")?),
                        (true, 1) => Extension::Splat,
                        (true, _) => Extension::Zero,
                    };
                    Some((size, extension))
                }
            }),
            "Store" => Packing::Store(get_option::<Byte>(r)?.map(|size| size.0)),
            "VecStore" => Packing::Whole,
            _ => {
                let (size, lane) = (r.u8("size")?, i32::get(r)?);
                let lane = u8::try_from(lane).map_err(|_| r.invalid("lane", format!("{lane}")))?;
                Packing::Lane { size, lane }
            }
        };
        Ok(Self { wide, align, offset, pack })
    }
}

/// The operation of an instruction, as the numbers that it is written with.
///
/// Of integers: 0 for int32 and 1 for int64, the operation, the size of an extension. Of vectors: 0, the shape, the
/// operation, what it asks for besides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation(pub(crate) Vec<u8>);

impl Leaf for Operation {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend_from_slice(&self.0);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.rest().to_vec()))
    }
}

leaf_nodes!(Indices, Types, OptionalTypes, Constant, Operation);
