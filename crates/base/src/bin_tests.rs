use super::*;
use proptest::prelude::*;

fn n(value: &BigUint) -> Vec<u8> {
    let mut out = Vec::new();
    put_n(&mut out, value);
    out
}

fn z(value: &BigInt) -> Vec<u8> {
    let mut out = Vec::new();
    put_z(&mut out, value);
    out
}

#[test]
fn known_numbers() {
    for (value, hex) in
        [(0u32, "00"), (1, "01"), (127, "7f"), (128, "8001"), (1000, "e807"), (16_384, "808001")]
    {
        assert_eq!(hex::encode(n(&value.into())), hex);
    }
    for (value, hex) in
        [(0, "00"), (1, "01"), (63, "3f"), (64, "8001"), (-1, "41"), (-64, "c001"), (-8193, "c18001")]
    {
        assert_eq!(hex::encode(z(&value.into())), hex, "{value}");
    }
}

#[test]
fn numbers_have_one_form() {
    for bytes in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0x80]] {
        assert!(Reader::new(bytes).n("n").is_err(), "{bytes:x?}");
    }
    for bytes in [&[0x80, 0x00][..], &[0xc1, 0x80, 0x00], &[0xc0]] {
        assert!(Reader::new(bytes).z("z").is_err(), "{bytes:x?}");
    }
    assert!(Reader::new(&[0xff; 10]).n64("n").is_err());
}

#[test]
fn lengths_are_not_believed() {
    let error = Reader::new(&[0xff, 0xff, 0xff, 0xff, 1]).bytes(usize::MAX, "text").unwrap_err();
    assert_eq!(error.what, "text");
    assert!(Reader::new(&[0, 0, 0, 9, 1]).sub("list").is_err());
    assert!(Reader::new(&[0, 0, 0, 2, 1, 1]).bytes(1, "text").is_err());
}

#[test]
fn errors_know_their_place_in_the_whole() {
    let mut outer = Reader::new(&[7, 0, 0, 0, 2, 0xff, 9, 1]);
    outer.u8("first").unwrap();
    let mut inner = outer.sub("list").unwrap();
    assert_eq!(inner.bool("flag"), Ok(true));
    assert_eq!(inner.clone().u16("number").unwrap_err().offset, 6);
    assert_eq!(inner.finish().unwrap_err().offset, 6);
    assert_eq!(outer.u8("last"), Ok(1));
    assert!(outer.is_empty());
}

proptest! {
    #[test]
    fn naturals_read_back(digits: Vec<u8>) {
        let value = BigUint::from_bytes_be(&digits);
        let bytes = n(&value);
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(r.n("n").unwrap(), value);
        prop_assert!(r.is_empty());
    }

    #[test]
    fn integers_read_back(digits: Vec<u8>) {
        let value = BigInt::from_signed_bytes_be(&digits);
        let bytes = z(&value);
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(r.z("z").unwrap(), value);
        prop_assert!(r.is_empty());
    }

    #[test]
    fn what_a_reader_takes_is_what_a_writer_writes(bytes: Vec<u8>) {
        let mut r = Reader::new(&bytes);
        if let Ok(value) = r.n("n") {
            prop_assert_eq!(&n(&value)[..], &bytes[..r.offset()]);
        }
        let mut r = Reader::new(&bytes);
        if let Ok(value) = r.z("z") && bytes[0] != 0x40 {
            prop_assert_eq!(&z(&value)[..], &bytes[..r.offset()]);
        }
    }

    #[test]
    fn readers_never_go_past_the_end(bytes: Vec<u8>, steps in prop::collection::vec(0u8..10, 0..20)) {
        let mut r = Reader::new(&bytes);
        for step in steps {
            let _ = match step {
                0 => r.u8("x").map(drop),
                1 => r.u16("x").map(drop),
                2 => r.u32("x").map(drop),
                3 => r.i64("x").map(drop),
                4 => r.bool("x").map(drop),
                5 => r.bytes(16, "x").map(drop),
                6 => r.sub("x").map(drop),
                7 => r.n("x").map(drop),
                8 => r.z("x").map(drop),
                _ => r.take(3, "x").map(drop),
            };
            prop_assert_eq!(r.offset() + r.remaining(), bytes.len());
        }
    }
}
