//! Instructions and their form in the state.

use super::types::{BlockType, RefType, ValueType, get_option, put_option};
use crate::lazy::node::{read_tag, write_tag};
use crate::lazy::{Leaf, Node, require_leaf};
use crate::numeric::vector::{
    VecBinaryBitsOp, VecBinaryOp, VecBitmaskOp, VecCompareOp, VecConvertOp, VecExtractOp, VecLaneOp,
    VecLoadOp, VecReplaceOp, VecShiftOp, VecSplatOp, VecStoreOp, VecTernaryBitsOp, VecTestBitsOp, VecTestOp,
    VecUnaryBitsOp, VecUnaryOp, Vector,
};
use crate::numeric::{BinaryOp, CompareOp, ConvertOp, LoadOp, Number, StoreOp, TestOp, UnaryOp};
use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader, put_sized};
use soru_merkle::Tree;
use std::sync::Arc;

type Put = Result<(), StateError>;

/// The instructions: the name of a case is its tag in the state, its fields are leaves.
macro_rules! instructions {
    (
        none { $($none:ident),* $(,)? }
        one { $($one:ident($type:ty)),* $(,)? }
        two { $($two:ident { $a:ident: $a_type:ty, $b:ident: $b_type:ty }),* $(,)? }
        unnamed { $($pair:ident($first:ty, $second:ty)),* $(,)? }
    ) => {
        /// An instruction. Bodies of blocks are numbers of blocks.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Instruction {
            $($none,)*
            $($one($type),)*
            $($two { $a: $a_type, $b: $b_type },)*
            $($pair($first, $second),)*
            /// Its type and its two blocks.
            If(BlockType, i32, i32),
            /// An operation on vectors of floats. The decoder takes it and the state has no form for it.
            Unwritable,
        }

        impl Node for Instruction {
            fn read(tree: &Tree) -> Result<Self, StateError> {
                let tag = read_tag(tree)?.ok_or_else(|| StateError::missing(&["tag"]))?;
                Ok(match tag.as_str() {
                    $(stringify!($none) => {
                        // An empty leaf is read all the same: a step's proof holds it.
                        tree.find(&["value"])?;
                        Self::$none
                    })*
                    $(stringify!($one) => Self::$one(get(tree, &ONE)?),)*
                    $(stringify!($two) => Self::$two { $a: get(tree, &FIRST)?, $b: get(tree, &SECOND)? },)*
                    $(stringify!($pair) => Self::$pair(get(tree, &FIRST)?, get(tree, &SECOND)?),)*
                    "If" => Self::If(get(tree, &FIRST)?, get(tree, &SECOND)?, get(tree, &THIRD)?),
                    other => return Err(StateError::malformed(&["tag"], format!("the tag {other:?}"))),
                })
            }

            fn write(&mut self, dir: &mut Tree) -> Put {
                match self {
                    $(Self::$none => {
                        write_tag(dir, stringify!($none))?;
                        Ok(dir.insert(&["value"], Vec::new())?)
                    })*
                    $(Self::$one(value) => {
                        write_tag(dir, stringify!($one))?;
                        put(dir, &ONE, value)
                    })*
                    $(Self::$two { $a, $b } => {
                        write_tag(dir, stringify!($two))?;
                        put(dir, &FIRST, $a)?;
                        put(dir, &SECOND, $b)
                    })*
                    $(Self::$pair(first, second) => {
                        write_tag(dir, stringify!($pair))?;
                        put(dir, &FIRST, first)?;
                        put(dir, &SECOND, second)
                    })*
                    Self::If(block_type, then, otherwise) => {
                        write_tag(dir, "If")?;
                        put(dir, &FIRST, block_type)?;
                        put(dir, &SECOND, then)?;
                        put(dir, &THIRD, otherwise)
                    }
                    Self::Unwritable => Err(StateError::malformed(
                        &["tag"],
                        "an instruction on floats, for which a state has no form",
                    )),
                }
            }
        }
    };
}

const ONE: [&str; 2] = ["value", "$1"];
const FIRST: [&str; 3] = ["value", "1", "$1"];
const SECOND: [&str; 3] = ["value", "2", "$2"];
const THIRD: [&str; 3] = ["value", "3", "$3"];

fn get<T: Leaf>(tree: &Tree, path: &[&str]) -> Result<T, StateError> {
    require_leaf(tree, path, T::get)
}

fn put<T: Leaf>(dir: &mut Tree, path: &[&str], value: &T) -> Put {
    let mut bytes = Vec::new();
    value.put(&mut bytes)?;
    Ok(dir.insert(path, bytes)?)
}

instructions! {
    none { Unreachable, Nop, Drop, Return, MemorySize, MemoryGrow, MemoryFill, MemoryCopy, RefIsNull }
    one {
        Br(i32), BrIf(i32), Call(i32),
        LocalGet(i32), LocalSet(i32), LocalTee(i32), GlobalGet(i32), GlobalSet(i32),
        TableGet(i32), TableSet(i32), TableSize(i32), TableGrow(i32), TableFill(i32), ElemDrop(i32),
        MemoryInit(i32), DataDrop(i32), RefFunc(i32), RefNull(RefType), Select(Option<Arc<Types>>),
        Load(LoadOp), Store(StoreOp),
        VecLoad(VecLoadOp), VecStore(VecStoreOp), VecLoadLane(VecLaneOp), VecStoreLane(VecLaneOp),
        Const(Number), VecConst(Arc<Vector>),
        Test(TestOp), Compare(CompareOp), Unary(UnaryOp), Binary(BinaryOp), Convert(ConvertOp),
        VecTest(VecTestOp), VecCompare(VecCompareOp), VecUnary(VecUnaryOp), VecBinary(VecBinaryOp),
        VecConvert(VecConvertOp), VecShift(VecShiftOp), VecBitmask(VecBitmaskOp),
        VecTestBits(VecTestBitsOp), VecUnaryBits(VecUnaryBitsOp), VecBinaryBits(VecBinaryBitsOp),
        VecTernaryBits(VecTernaryBitsOp),
        VecSplat(VecSplatOp), VecExtract(VecExtractOp), VecReplace(VecReplaceOp),
    }
    two {
        CallIndirect { table: i32, func_type: i32 },
        TableCopy { to: i32, from: i32 },
        TableInit { table: i32, segment: i32 },
    }
    unnamed { Block(BlockType, i32), Loop(BlockType, i32), BrTable(Arc<Indices>, i32) }
}

// A body of code is an array of these.
const _: () = assert!(size_of::<Instruction>() <= 24);

impl<T: Leaf> Leaf for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.as_ref().put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::get(r).map(Arc::new)
    }
}

impl Leaf for Option<Arc<Types>> {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        put_option(self.as_ref(), out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        get_option(r)
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
