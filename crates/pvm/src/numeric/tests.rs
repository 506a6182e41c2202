//! Known results, and the words where there is none.

use super::Number::{I32, I64};
use super::Width::{W32, W64};
use super::vector::{
    Half, LaneShift, Shape, VecBinaryBitsOp, VecBinaryOp, VecBitmaskOp, VecCompareOp, VecConvertOp,
    VecExtractOp, VecLaneOp, VecLoadOp, VecPacking, VecReplaceOp, VecShiftOp, VecSplatOp, VecStoreOp,
    VecTernaryBitsOp, VecTestBitsOp, VecTestOp, VecUnaryBitsOp, VecUnaryOp, Vector, Wide,
};
use super::*;
use proptest::prelude::*;
use std::sync::Arc;

const V: Vector = [0, 1, 2, 3, 4, 5, 6, 7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];

fn words<T: std::fmt::Debug>(result: Result<T, NumericError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn integers_wrap_and_trap() {
    use Binary::*;
    let (min, max) = (I32(i32::MIN), I32(i32::MAX));
    for (kind, a, b, expected) in [
        (Add, max, I32(1), min),
        (Sub, min, I32(1), max),
        (Mul, I32(0x10001), I32(0x10001), I32(0x20001)),
        (DivS, I32(-7), I32(2), I32(-3)),
        (DivU, I32(-7), I32(2), I32(0x7fff_fffc)),
        (RemS, I32(-7), I32(2), I32(-1)),
        (RemS, min, I32(-1), I32(0)),
        (RemU, I32(-7), I32(4), I32(1)),
        (Shl, I32(1), I32(33), I32(2)),
        (ShrS, min, I32(31), I32(-1)),
        (ShrU, min, I32(31), I32(1)),
        (Rotl, I32(0x8000_0001u32 as i32), I32(33), I32(3)),
        (Rotr, I32(3), I32(-31), I32(0x8000_0001u32 as i32)),
        (And, I32(12), I32(10), I32(8)),
        (Or, I32(12), I32(10), I32(14)),
        (Xor, I32(12), I32(10), I32(6)),
    ] {
        assert_eq!(BinaryOp(W32, kind).apply(a, b), Ok(expected), "{kind:?}");
    }
    for kind in [DivS, DivU, RemS, RemU] {
        for op in [BinaryOp(W32, kind).apply(min, I32(0)), BinaryOp(W64, kind).apply(I64(1), I64(0))] {
            assert_eq!(op, Err(NumericError::Trap(NumericTrap::DivideByZero)));
            assert_eq!(words(op), "integer divide by zero");
        }
    }
    let overflow = BinaryOp(W64, DivS).apply(I64(i64::MIN), I64(-1));
    assert_eq!(overflow, Err(NumericError::Trap(NumericTrap::Overflow)));
    assert_eq!(words(overflow), "integer overflow");
}

#[test]
fn numbers_of_the_other_width_are_operands_of_nothing() {
    let add = BinaryOp(W32, Binary::Add);
    assert_eq!(words(add.apply(I64(1), I32(1))), "type error, expected i32 as operand 1, got i64");
    assert_eq!(words(add.apply(I32(1), I64(1))), "type error, expected i32 as operand 2, got i64");
    // The second operand is looked at first, and both before a division by zero.
    assert_eq!(words(add.apply(I64(1), I64(1))), "type error, expected i32 as operand 2, got i64");
    let div = BinaryOp(W64, Binary::DivS);
    assert_eq!(words(div.apply(I32(1), I64(0))), "type error, expected i64 as operand 1, got i32");
    let less = CompareOp(W64, Comparison::LtS);
    assert_eq!(words(less.apply(I32(1), I32(1))), "type error, expected i64 as operand 2, got i32");
    assert_eq!(words(TestOp(W64).apply(I32(0))), "type error, expected i64 as operand 1, got i32");
    assert_eq!(
        words(UnaryOp(W32, Unary::Clz).apply(I64(0))),
        "type error, expected i32 as operand 1, got i64"
    );
}

#[test]
fn conversions() {
    use Conversion::*;
    assert_eq!(ConvertOp(W32, Wrap).apply(I64(0x1_8000_0000)), Ok(I32(i32::MIN)));
    assert_eq!(ConvertOp(W64, ExtendS).apply(I32(-1)), Ok(I64(-1)));
    assert_eq!(ConvertOp(W64, ExtendU).apply(I32(-1)), Ok(I64(0xffff_ffff)));
    for (width, kind, n, expected, got) in [
        (W32, Wrap, I32(0), "i64", "i32"),
        (W64, ExtendS, I64(0), "i32", "i64"),
        (W32, ExtendS, I32(0), "i32", "i32"),
        (W64, Wrap, I64(0), "i64", "i64"),
        (W32, TruncF64S, I32(0), "f64", "i32"),
        (W32, TruncSatF32U, I64(0), "f32", "i64"),
        (W64, TruncF32U, I64(0), "f32", "i64"),
        (W64, TruncSatF64S, I64(0), "f64", "i64"),
        (W32, Reinterpret, I32(0), "f32", "i32"),
        (W64, Reinterpret, I64(0), "f64", "i64"),
    ] {
        let words = words(ConvertOp(width, kind).apply(n));
        assert_eq!(words, format!("type error, expected {expected} as operand 1, got {got}"));
    }
}

#[test]
fn a_store_is_as_wide_as_its_number() {
    let store = |of, pack| StoreOp { of, align: 0, offset: 0, pack };
    assert_eq!(store(W32, None).width(I64(1)), 8);
    assert_eq!(store(W64, None).width(I32(1)), 4);
    assert_eq!(store(W64, Some(Packing::Pack32)).width(I32(1)), 4);
    assert_eq!(store(W32, Some(Packing::Pack8)).width(I64(1)), 1);
    assert_eq!(store(W64, Some(Packing::Pack32)).bytes(I32(-2))[..4], [0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(store(W32, None).bytes(I64(-2)), [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
}

#[test]
fn lanes_that_are_not_there() {
    let extract = |shape, lane| VecExtractOp { shape, lane, extension: Extension::Signed }.apply(&V);
    assert_eq!(extract(Shape::I8x16, 15), Ok(I32(-1)));
    assert_eq!(words(extract(Shape::I8x16, 16)), "Failure(\"nth\")");
    assert_eq!(extract(Shape::I64x2, 2), Err(NumericError::NoLane));
    // In these places nothing is put, and a wrong number is found first.
    let replace = |lane, n| VecReplaceOp { shape: Shape::I16x8, lane }.apply(&V, n);
    assert_eq!(replace(8, I32(77)), Ok(V));
    assert_eq!(words(replace(8, I64(77))), "type error, expected i32 as operand 1, got i64");
    let access = |pack, lane| VecLaneOp { align: 0, offset: 0, pack, lane };
    assert_eq!(access(Packing::Pack32, 4).loaded(&[1, 2, 3, 4], &V), V);
    assert_eq!(access(Packing::Pack32, 4).stored(&V), Err(NumericError::NoLane));
    assert_eq!(access(Packing::Pack32, 3).stored(&V).unwrap()[..4], V[12..]);
    let shuffle = |lane| VecBinaryOp::Shuffle(Arc::new([lane; 16])).apply(&V, &[9; 16]);
    assert_eq!(shuffle(31), Ok([9; 16]));
    assert_eq!(shuffle(32), Err(NumericError::NoLane));
}

#[test]
fn numbers_for_lanes() {
    assert_eq!(
        VecSplatOp(Shape::I16x8).apply(I32(0x1_0203)),
        Ok([3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2])
    );
    let splat = VecSplatOp(Shape::I64x2).apply(I32(1));
    assert_eq!(words(splat), "type error, expected i64 as operand 1, got i32");
    let shift = VecShiftOp(Shape::I64x2, LaneShift::ShrU);
    assert_eq!(shift.apply(&V, I32(64 + 56)).unwrap()[8..], [0xff, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(words(shift.apply(&V, I64(1))), "type error, expected i32 as operand 2, got i64");
    assert_eq!(VecBitmaskOp(Shape::I8x16).apply(&V), I32(0xff00));
    assert_eq!(VecTestOp(Shape::I8x16).apply(&V), I32(0));
    assert_eq!(VecTestOp(Shape::I16x8).apply(&V), I32(1));
}

#[test]
fn vectors_in_memory() {
    let load = |pack| VecLoadOp { align: 0, offset: 0, pack };
    let lanes = load(Some(VecPacking::Lanes(Wide::I16x8, Extension::Signed)));
    assert_eq!(lanes.width(), 8);
    let extended = VecConvertOp::Extend(Wide::I16x8, Half::High, Extension::Signed).apply(&V);
    assert_eq!(lanes.value(&V[8..]), extended);
    let splat = load(Some(VecPacking::Splat(Packing::Pack16)));
    assert_eq!((splat.width(), splat.value(&[1, 2])[14..].to_vec()), (2, vec![1, 2]));
    let zero = load(Some(VecPacking::Zero(Packing::Pack32)));
    assert_eq!(
        (zero.width(), zero.value(&[1, 2, 3, 4])),
        (4, [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    );
    assert_eq!((load(None).width(), load(None).value(&V)), (16, V));
}

/// Reads some bytes as an operation. What can be read is written in the same way.
fn read<T: Leaf>(bytes: &[u8]) -> bool {
    let mut r = Reader::new(bytes);
    let Ok(value) = T::get(&mut r).and_then(|value| r.finish().map(|()| value)) else { return false };
    let mut out = Vec::new();
    value.put(&mut out).unwrap();
    assert_eq!(out, bytes);
    true
}

/// As [`read`], as an operation of each kind.
const READ: [fn(&[u8]) -> bool; 26] = [
    read::<Number>,
    read::<TestOp>,
    read::<CompareOp>,
    read::<UnaryOp>,
    read::<BinaryOp>,
    read::<ConvertOp>,
    read::<LoadOp>,
    read::<StoreOp>,
    read::<Vector>,
    read::<VecTestOp>,
    read::<VecCompareOp>,
    read::<VecUnaryOp>,
    read::<VecBinaryOp>,
    read::<VecConvertOp>,
    read::<VecShiftOp>,
    read::<VecBitmaskOp>,
    read::<VecTestBitsOp>,
    read::<VecUnaryBitsOp>,
    read::<VecBinaryBitsOp>,
    read::<VecTernaryBitsOp>,
    read::<VecSplatOp>,
    read::<VecExtractOp>,
    read::<VecReplaceOp>,
    read::<VecLoadOp>,
    read::<VecStoreOp>,
    read::<VecLaneOp>,
];

/// How many operations a kind has that are written as so many bytes.
fn count(kind: usize, len: u32) -> usize {
    (0..1 << (5 * len))
        .filter(|n: &u32| {
            let bytes: Vec<u8> = (0..len).map(|i| (n >> (5 * i)) as u8 & 0x1f).collect();
            READ[kind](&bytes)
        })
        .count()
}

#[test]
fn there_are_so_many_operations() {
    // Tests, comparisons, operations on one and two numbers, conversions.
    assert_eq!([1, 2, 3, 4, 5].map(|kind| count(kind, 2)), [2, 20, 6, 30, 24]);
    assert_eq!(count(3, 3), 5);
    // Tests, comparisons (not of unsigned numbers of 64 bits), operations on lanes, shifts, bitmasks, splats.
    assert_eq!([9, 10, 11, 13, 14, 15, 20].map(|kind| count(kind, 3)), [4, 36, 9, 20, 12, 4, 4]);
    // 11 of bytes, 12 of int16 and what is special, 7 and 3 of wider ones; a shuffle is longer.
    assert_eq!(count(12, 3), 11 + 3 + 12 + 1 + 4 + 2 + 7 + 1 + 4 + 3 + 4);
    assert_eq!([16, 17, 18, 19].map(|kind| count(kind, 2)), [1, 1, 4, 1]);
}

proptest! {
    #[test]
    fn any_bytes_are_an_operation_or_an_error(
        bytes in prop::collection::vec(prop_oneof![3 => 0u8..4, 1 => any::<u8>()], 0..24),
    ) {
        for read in READ {
            read(&bytes);
        }
    }

    #[test]
    fn loads_give_back_what_was_stored(n in any::<i64>(), size in 0usize..4) {
        let size = Packing::ALL[size];
        let all = StoreOp { of: W64, align: 0, offset: 0, pack: None }.bytes(I64(n));
        let load = |to, pack| {
            let op = LoadOp { to, align: 0, offset: 0, pack };
            op.value(&all[..op.width()])
        };
        prop_assert_eq!(load(W64, None), I64(n));
        prop_assert_eq!(load(W32, None), I32(n as i32));
        let bits = 64 - 8 * size.width() as u32;
        prop_assert_eq!(load(W64, Some((size, Extension::Signed))), I64(n << bits >> bits));
        prop_assert_eq!(load(W64, Some((size, Extension::Unsigned))), I64(((n as u64) << bits >> bits) as i64));
    }
}
