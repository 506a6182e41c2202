//! Micheline: the three forms agree with each other and with the network; strangers' input is answered with errors.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use num_bigint::BigInt;
use proptest::prelude::*;
use serde_json::Value;
use soru_base::Binary;
use soru_michelson::{MAX_DEPTH, Micheline, Prim, Source};

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/forge/operations.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every Micheline expression in the JSON of an operation.
fn expressions<'a>(value: &'a Value, out: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            for (name, member) in map {
                match name.as_str() {
                    "parameters_ty" | "code" | "storage" | "value" | "ticket_contents" | "ticket_ty" => {
                        out.push(member)
                    }
                    _ => expressions(member, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, out)),
        _ => {}
    }
}

#[test]
fn expressions_of_forged_operations_have_the_same_bytes() {
    let mut checked = 0;
    for vector in vectors()["vectors"].as_array().unwrap() {
        let forged = vector["forged_hex"].as_str().unwrap();
        let mut found = Vec::new();
        expressions(&vector["operation"], &mut found);
        for json in found {
            let node = Micheline::from_json_value(json).unwrap();
            assert_eq!(&node.to_json_value(), json);
            let bytes = node.to_bytes();
            let sized = format!("{:08x}{}", bytes.len(), hex::encode(&bytes));
            assert!(forged.contains(&sized), "{}: {sized} is not in {forged}", vector["name"]);
            assert_eq!(Micheline::from_bytes(&bytes).unwrap(), node);
            checked += 1;
        }
    }
    assert_eq!(checked, 11);
}

fn annot() -> impl Strategy<Value = String> {
    "[@:%][a-zA-Z_][a-zA-Z0-9_.%@]{0,6}"
}

fn micheline() -> impl Strategy<Value = Micheline> {
    let leaf = prop_oneof![
        any::<i128>().prop_map(|n| Micheline::Int(BigInt::from(n))),
        any::<i8>().prop_map(|n| Micheline::Int(BigInt::from(n))),
        "[ -~\n\t\r\u{8}é€]{0,12}".prop_map(Micheline::String),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Micheline::Bytes),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let children = proptest::collection::vec(inner, 0..5);
        prop_oneof![
            (proptest::sample::select(Prim::ALL), children.clone(), proptest::collection::vec(annot(), 0..3))
                .prop_map(|(prim, args, annots)| match (prim.name(), args.as_slice()) {
                    // As a text this is a macro: it comes back as a sequence of what it stands for.
                    ("CAR" | "CDR", [Micheline::Int(_)]) => Micheline::Prim(prim, Vec::new(), annots),
                    _ => Micheline::Prim(prim, args, annots),
                }),
            children.prop_map(Micheline::Seq),
        ]
    })
}

proptest! {
    #[test]
    fn binary_round_trip(node in micheline()) {
        let bytes = node.to_bytes();
        prop_assert_eq!(Micheline::from_bytes(&bytes).unwrap(), node.clone());
        prop_assert_eq!(Micheline::unpack(&node.pack()).unwrap(), node);
    }

    #[test]
    fn json_round_trip(node in micheline()) {
        let text = node.to_json_value().to_string();
        let value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(Micheline::from_json_value(&value).unwrap(), node);
    }

    #[test]
    fn text_round_trip(node in micheline()) {
        prop_assert_eq!(&Micheline::parse(&node.to_string()).unwrap(), &node);
        let pretty = node.to_pretty();
        prop_assert_eq!(&Micheline::parse(&pretty).unwrap_or_else(|e| panic!("{e}\n{pretty}")), &node);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read_exactly(bytes in proptest::collection::vec(0u8..12, 0..40)) {
        if let Ok(node) = Micheline::from_bytes(&bytes) {
            prop_assert_eq!(Micheline::from_bytes(&node.to_bytes()).unwrap(), node);
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "[ -~\n]{0,60}") {
        let _ = Micheline::parse(&text);
        let _ = Micheline::parse_script(&text);
    }

    #[test]
    fn every_node_has_a_position(node in micheline()) {
        let source = Source::expression(&node.to_pretty()).unwrap();
        prop_assert_eq!(source.positions.len(), node.node_count());
    }
}

#[test]
fn equality_sees_every_part() {
    let a = Micheline::parse("Pair %a 1 {\"x\"; 0x00}").unwrap();
    assert_eq!(a, a.clone());
    for other in [
        "Pair %b 1 {\"x\"; 0x00}",
        "Pair %a 2 {\"x\"; 0x00}",
        "Pair %a 1 {\"x\"}",
        "Pair %a 1 {\"x\"; 0x00; 1}",
        "Pair %a 1",
    ] {
        assert_ne!(a, Micheline::parse(other).unwrap(), "{other}");
    }
    assert_eq!(a.strip_annots().to_string(), "Pair 1 { \"x\" ; 0x00 }");
}

#[test]
fn texts_that_the_client_accepts() {
    for (text, printed) in [
        ("unit", "unit"),
        ("(pair %x int (or nat string))", "pair %x int (or nat string)"),
        ("pair :t %x int nat", "pair :t %x int nat"),
        ("{}", "{}"),
        ("{ 1 ; -2 ; }", "{ 1 ; -2 }"),
        ("{ PUSH int 3 # comment\n ; /* a /* nested */ one */ DROP }", "{ PUSH int 3 ; DROP }"),
        ("Pair \"a\\n\\\"\\\\\" 0xAbcd", "Pair \"a\\n\\\"\\\\\" 0xabcd"),
        ("IF {} { FAILWITH }", "IF {} { FAILWITH }"),
        ("EMIT %event (pair nat string)", "EMIT %event (pair nat string)"),
        ("NIL @ops operation", "NIL @ops operation"),
    ] {
        let node = Micheline::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(node.to_string(), printed);
    }
    let bare = Micheline::parse_script("parameter unit;\nstorage unit;\ncode { CDR; NIL operation; PAIR };")
        .unwrap();
    let braced =
        Micheline::parse_script("{ parameter unit; storage unit; code { CDR; NIL operation; PAIR } }")
            .unwrap();
    assert_eq!(bare, braced);
    assert_eq!(Micheline::parse_script(&bare.to_script_text()).unwrap(), bare);
}

#[test]
fn errors_of_texts_say_where() {
    let digits = "1".repeat(100_001);
    for (text, error) in [
        ("", "1:1: expected an expression, found the end of the text"),
        ("{ 1\n  2 }", "2:3: expected \";\" or \"}\", found the number 2"),
        ("Pair 1\n  (", "2:4: expected the name of a primitive behind \"(\", found the end of the text"),
        ("Pair 1 )", "1:8: expected an argument, found \")\""),
        ("\"abc", "1:1: expected a string that ends with '\"', found the end of the text"),
        ("\"\\q\"", "1:2: expected one of \\n \\t \\b \\r \\\\ \\\", found \\q"),
        ("0x123", "1:1: expected an even number of hexadecimal digits, found 3 of them"),
        (digits.as_str(), "1:1: expected a number of at most 100000 digits, found one of 100001"),
        ("12a", "1:3: expected a blank behind a number, found 'a'"),
        ("{ WHATEVER }", "1:3: expected a primitive or a macro of Michelson, found \"WHATEVER\""),
        ("/* x", "1:1: expected a comment that ends with \"*/\", found the end of the text"),
        ("{ ; }", "1:3: expected an expression or \"}\", found \";\""),
        ("pair int %x nat", "1:10: expected an argument, found the annotation \"%x\""),
        ("é", "1:1: expected the beginning of an expression, found 'é'"),
    ] {
        let found = Source::expression(text).map(|s| s.node).unwrap_err().to_string();
        assert_eq!(found, error, "{text}");
    }
}

#[test]
fn deep_nesting_is_an_error_or_costs_no_stack() {
    let deep = 10_000_000;
    let open = "{".repeat(deep);
    assert!(Micheline::parse(&open).unwrap_err().to_string().contains("nested"));
    assert!(Micheline::parse(&format!("{}{}", "(Some ".repeat(deep), ")".repeat(deep))).is_err());
    let mut bytes = [5u8, 9].repeat(deep);
    bytes.extend([3, 11]);
    assert!(Micheline::from_bytes(&bytes).unwrap_err().to_string().contains("nested deeper"));

    let most = MAX_DEPTH - 1;
    let text = format!("{}Unit{}", "(Some ".repeat(most), ")".repeat(most));
    let node = Micheline::parse(&text).unwrap();
    let copy = Micheline::from_bytes(&node.to_bytes()).unwrap();
    assert_eq!(node, copy);
    assert_eq!(Micheline::parse(&node.to_pretty()).unwrap(), node.clone());

    // Built by hand, as deep as one likes.
    let mut node = Micheline::unit();
    for _ in 0..1_000_000 {
        node = Micheline::seq([node]);
    }
    drop(node.clone());
}

#[test]
fn hostile_lengths_are_refused() {
    for hex_text in [
        "02ffffffff",
        "01ffffffff61",
        "0affffffff",
        "0900ffffffff",
        "03ff",
        "0b",
        "0080",
        "02000000020000ff",
        "0504",
        "01000000 01ff",
    ] {
        let bytes = hex::decode(hex_text.replace(' ', "")).unwrap();
        assert!(Micheline::from_bytes(&bytes).is_err(), "{hex_text}");
    }
    assert!(Micheline::unpack(&[]).is_err());
    assert!(Micheline::unpack(&[4, 0, 0]).is_err());
}

#[test]
fn json_errors_say_where() {
    let value = serde_json::json!({"prim": "Pair", "args": [{"int": "1"}, [{"int": "x"}]]});
    let error = Micheline::from_json_value(&value).unwrap_err();
    assert_eq!(error.to_string(), ".args[1][0]: expected an integer, found {\"int\":\"x\"}");
    for bad in [
        serde_json::json!({"prim": "Pear"}),
        serde_json::json!({"int": 1}),
        serde_json::json!({"bytes": "0"}),
        serde_json::json!({"prim": "Unit", "more": 1}),
        serde_json::json!("x"),
        serde_json::json!({"int": "1", "string": ""}),
    ] {
        assert!(Micheline::from_json_value(&bad).is_err(), "{bad}");
    }
}

#[test]
fn hashes() {
    // The hash of packed `Unit` and `0` are well known on the network.
    assert_eq!(
        Micheline::int(0).packed_hash().to_string(),
        "exprtZBwZUeYYYfUs9B9Rg2ywHezVHnCCnmF9WsDQVrs582dSK63dC"
    );
}
