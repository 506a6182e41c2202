//! What is ill-typed is refused, and the error says what, where and on which stack.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use proptest::prelude::*;
use soru_base::{Entrypoint, IdFamily};
use soru_michelson::typecheck::fragment;
use soru_michelson::types::Use;
use soru_michelson::{Form, Gas, Micheline, Parameter, Reading, Reason, Script, Source, Type, Value};
use support::{parse, ty};

fn error_of(code: &str, stack: &[&str]) -> String {
    let types = stack.iter().rev().map(|text| ty(text)).collect();
    let typed = fragment(&parse(&format!("{{ {code} }}")), types, &mut Gas::unlimited());
    typed.err().map(|e| e.to_string()).unwrap_or_else(|| panic!("{code} is well typed"))
}

#[test]
fn code() {
    for (code, stack, expected) in [
        ("ADD", &["int", "string"][..], "at node 1: ADD: expected two numbers"),
        ("DROP", &[][..], "expected at least 1 elements on the stack, found 0"),
        ("PUSH int 1; DROP; DUP 3", &["int"][..], "at node 5: DUP: expected at least 3 elements"),
        ("DUP", &["ticket string"][..], "a type that can be duplicated (no ticket), found ticket string"),
        (
            "IF { UNIT } { PUSH int 1 }",
            &["bool"][..],
            "expected branches that leave the same stack, found [unit] and [int]",
        ),
        ("LOOP { }", &["bool"][..], "expected a body that leaves [bool], found []"),
        ("MAP { FAIL }", &["list int"][..], "expected a body that leaves a value"),
        ("FAIL; UNIT", &[][..], "behind an instruction that never returns"),
        ("PUSH int \"a\"", &[][..], "at node 3: expected a value of the type int, found \"a\""),
        ("PUSH nat -1", &[][..], "expected a value of the type nat, found -1"),
        ("PUSH string \"é\"", &[][..], "expected a value of the type string"),
        (
            "PUSH (contract unit) \"tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx\"",
            &[][..],
            "a type that can be pushed",
        ),
        ("PUSH (set int) { 2 ; 1 }", &[][..], "keys in ascending order"),
        ("PUSH (lambda int string) {}", &[][..], "expected code that leaves [string], found [int]"),
        ("COMPARE", &["list int", "list int"][..], "a comparable type, found list int"),
        ("EMPTY_SET (list int)", &[][..], "a comparable type"),
        ("EMPTY_BIG_MAP int operation", &[][..], "a type that a big map can hold"),
        ("PACK", &["operation"][..], "a type that can be packed"),
        ("FAILWITH", &["operation"][..], "a type that can be pushed"),
        ("EXEC", &["int", "lambda nat int"][..], "expected the type nat, found int"),
        ("SELF", &[][..], "SELF in the code of a contract"),
        (
            "TRANSFER_TOKENS",
            &["int", "mutez", "contract nat"][..],
            "expected the type contract int, found contract nat",
        ),
        ("GET 3", &["pair int int"][..], "expected a comb with that component"),
        ("UNPAIR 3", &["pair int int"][..], "expected a comb of 3"),
        ("DROP 1024", &["int"][..], "expected a number from 0 to 1023, found 1024"),
        ("PAIR 1", &["int"][..], "expected a number from 2, found 1"),
        ("SUB", &["mutez", "mutez"][..], "SUB of mutez (SUB_MUTEZ replaced it) is not supported"),
        ("SAPLING_EMPTY_STATE 8", &[][..], "Sapling is not supported"),
        ("PUSH (sapling_state 8) {}", &[][..], "Sapling is not supported"),
        ("VIEW \"a b\" int", &["unit", "address"][..], "the name of a view"),
        ("int", &[][..], "expected an instruction, found int"),
        ("GET 2048", &["pair int int"][..], "a number from 0 to 2047"),
        ("PUSH (constant \"a\") 1", &[][..], "a global constant is not supported"),
        ("TICKET_DEPRECATED", &["int", "nat"][..], "is not supported"),
        ("ADD", &["bls12_381_g1", "bls12_381_g2"][..], "expected two numbers"),
        ("COMPARE", &["chest", "chest"][..], "a comparable type"),
        ("DIP { ADD }", &["unit", "int", "string"][..], "the stack is [int : string]"),
        (
            "CREATE_CONTRACT { parameter unit ; storage unit ; code {} }",
            &[][..],
            "expected code that leaves [pair (list operation) unit]",
        ),
        ("CONTRACT %default unit", &["address"][..], "expected the name of an entrypoint"),
    ] {
        let found = error_of(code, stack);
        assert!(found.contains(expected), "{code}:\n  found    {found}\n  expected {expected}");
    }
}

#[test]
fn annotations_stand_where_they_may() {
    let good = |code: &str, stack: &[&str]| {
        let types = stack.iter().rev().map(|text| ty(text)).collect();
        let typed = fragment(&parse(&format!("{{ {code} }}")), types, &mut Gas::unlimited());
        assert!(typed.is_ok(), "{code}: {:?}", typed.err());
    };
    good("DUP @a; PAIR :t @v %x %y; CAR @%% %x; UNIT :u @v; PAIR %@ %b; UNPAIR @% @b % %", &["int"]);
    good("MIN_BLOCK_TIME %anything !at ?all; DROP", &[]);
    good("EMIT %tag @v; DROP", &["int"]);
    good("PUSH (pair :v (int %a :t) (or %c (nat %d) (string :u %e))) (Pair 1 (Left 2)); DROP", &[]);
    good("PUSH @_.%@ int 1; DROP", &[]);
    for (code, stack, expected) in [
        ("DROP @a", &["int"][..], "at most 0 annotations of variables, found @a"),
        ("DUP @a @b", &["int"][..], "at most 1 annotations of variables, found @b"),
        ("DUP :t", &["int"][..], "at most 0 annotations of types"),
        ("PAIR %a %b %c", &["int", "int"][..], "at most 2 annotations of fields, found %c"),
        ("PAIR %a @v %b", &["int", "int"][..], "annotations grouped by their kind, found %b"),
        ("CAR %@", &["pair int int"][..], "a well-formed annotation, found %@"),
        ("PAIR @%", &["int", "int"][..], "a well-formed annotation, found @%"),
        ("DUP !a", &["int"][..], "a well-formed annotation, found !a"),
        ("SIZE :t", &["string"][..], "at most 0 annotations of types"),
        ("NIL (int %a)", &[][..], "at most 0 annotations of fields, found %a"),
        ("PUSH (list (int %a)) {}", &[][..], "at most 0 annotations of fields"),
        ("PUSH (int @a) 1", &[][..], "at most 0 annotations of variables"),
        ("PUSH (pair (int %a %b) int) (Pair 1 1)", &[][..], "at most 0 annotations of fields, found %b"),
        ("PUSH (pair (int %) int) (Pair 1 1)", &[][..], "at most 0 annotations of fields, found %"),
        ("PUSH unit (Unit @a)", &[][..], "a value of the type unit"),
    ] {
        let found = error_of(code, stack);
        assert!(found.contains(expected), "{code}:\n  found    {found}\n  expected {expected}");
    }
    good("SIZE :t; DROP", &["list int"]);
}

#[test]
fn places_in_texts() {
    let text = "parameter unit;\nstorage int;\ncode { CDR;\n       PUSH string \"x\";\n       ADD }";
    let source = Source::script(text).unwrap();
    let error = Script::typecheck(&source.node, &mut Gas::unlimited()).err().unwrap();
    assert!(
        error.in_source(&source).starts_with("5:8: ADD: expected two numbers"),
        "{}",
        error.in_source(&source)
    );
    assert_eq!(error.stack, Some(vec![Type::String, Type::Int]));
}

#[test]
fn scripts() {
    for (text, expected) in [
        ("parameter unit; storage unit", "a code declaration"),
        ("parameter unit; parameter unit; storage unit; code { FAIL }", "each declaration once"),
        (
            "parameter %whole unit; storage unit; code { FAIL }",
            "at most 0 annotations of fields, found %whole",
        ),
        ("parameter unit; storage unit; code @c { FAIL }", "at most 0 annotations of variables, found @c"),
        (
            "parameter unit; storage unit; code { FAIL }; view \"v\" address nat { CAR; INDEX_ADDRESS }",
            "changes nothing, in a view",
        ),
        ("parameter operation; storage unit; code { FAIL }", "can be passed"),
        ("parameter unit; storage (contract unit); code { FAIL }", "can be stored"),
        (
            "parameter unit; storage unit; code { FAIL }; view \"a\" unit unit { DROP ; UNIT ; PUSH mutez 0 ; FAIL }; view \"a\" unit unit { FAIL }",
            "views whose names differ",
        ),
        (
            "parameter unit; storage unit; code { FAIL }; view \"v\" unit (option operation) { FAIL }",
            "views can handle",
        ),
        (
            "parameter unit; storage unit; code { FAIL }; view \"v\" unit unit { DROP; NONE key_hash; SET_DELEGATE; FAIL }",
            "changes nothing, in a view",
        ),
        (
            "parameter unit; storage unit; code { CDR; LAMBDA unit (contract unit) { DROP; SELF } ; FAIL }",
            "SELF in the code of a contract",
        ),
        ("parameter (or (int %a) (nat %a)); storage unit; code { FAIL }", "names of entrypoints that differ"),
        (
            "parameter (or (int %default) (nat)); storage unit; code { FAIL }",
            "a branch that an entrypoint leads to",
        ),
    ] {
        let source = Source::script(text).unwrap();
        let found = Script::typecheck(&source.node, &mut Gas::unlimited()).err().map(|e| e.to_string());
        assert!(found.as_ref().is_some_and(|e| e.contains(expected)), "{text}: {found:?}");
    }
}

#[test]
fn entrypoints() {
    let parameter =
        Parameter::parse(&parse("or %all (or (int %a) (nat %b)) (or (string %c) bytes)")).unwrap();
    let at = |name: &str| {
        parameter.entrypoint(&Entrypoint::new(name).unwrap()).map(|(way, ty)| (way.len(), ty.clone()))
    };
    assert_eq!(at("a"), Some((2, Type::Int)));
    assert_eq!(at("c"), Some((2, Type::String)));
    assert_eq!(at("all").unwrap().0, 0);
    assert_eq!(at("default"), Some((0, parameter.ty().clone())));
    assert_eq!(at("root"), None);
    assert_eq!(at("d"), None);
    let names: Vec<String> = parameter.entrypoints().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["default", "a", "all", "b", "c"]);
    let wrapped = parameter.wrap_micheline(&Entrypoint::new("b").unwrap(), parse("3")).unwrap();
    assert_eq!(wrapped, parse("Left (Right 3)"));
    let long = format!("or (int %{}) nat", "x".repeat(32));
    // A name that is too long names nothing.
    assert_eq!(Parameter::parse(&parse(&long)).unwrap().entrypoints().count(), 1);
    let root = Parameter::parse(&parse("or %root (int %default) (nat %n)")).unwrap();
    let found = |ty: &Type| root.entrypoint_for(&Entrypoint::default(), ty).map(|name| name.to_string());
    assert_eq!(found(&Type::Int).as_deref(), Some("default"));
    assert_eq!(found(root.ty()).as_deref(), Some("root"));
    assert_eq!(found(&Type::Nat), None);
}

#[test]
fn uses_of_types() {
    for (text, allowed) in [
        ("pair int (option key_hash)", "Compared Passed Stored Pushed Packed Duplicated InBigMap Viewed"),
        ("list int", "Passed Stored Pushed Packed Duplicated InBigMap Viewed"),
        ("contract unit", "Passed Packed Duplicated Viewed"),
        ("operation", "Duplicated"),
        ("big_map int int", "Passed Stored Duplicated"),
        ("ticket int", "Passed Stored InBigMap"),
        ("lambda operation (ticket int)", "Passed Stored Pushed Packed Duplicated InBigMap Viewed"),
    ] {
        use Use::*;
        let all = [Compared, Passed, Stored, Pushed, Packed, Duplicated, InBigMap, Viewed];
        let found: Vec<String> =
            all.iter().filter(|u| ty(text).allows(**u)).map(|u| format!("{u:?}")).collect();
        assert_eq!(found.join(" "), allowed, "{text}");
    }
}

#[test]
fn hostile_types_data_and_code() {
    let wide = format!("(pair {})", "int ".repeat(1002));
    assert!(matches!(Type::parse(&parse(&wide)).unwrap_err().reason, Reason::TypeTooLarge));
    assert!(Type::parse(&parse(&format!("(pair {})", "int ".repeat(1000)))).is_ok());
    let deep = |n: usize| format!("{}int{}", "(option ".repeat(n), ")".repeat(n));
    assert!(matches!(Type::parse(&parse(&deep(9000))).unwrap_err().reason, Reason::TypeTooLarge));
    let option = Type::parse(&parse(&deep(2000))).unwrap();
    assert_eq!(option.size(), 2001);
    let value = parse(&format!("{}3{}", "(Some ".repeat(2000), ")".repeat(2000)));
    let mut gas = Gas::unlimited();
    let read = Value::parse(&value, &option, &mut Reading::literal(&mut gas)).unwrap();
    assert_eq!(read.to_micheline(&option, Form::Optimized, &mut gas).unwrap(), value);
    assert!(error_of(&"DUP; PAIR; ".repeat(12), &["int"]).contains("at most 2001 parts"));

    let nested = |n: usize| format!("{}UNIT; DROP{}", "DIP { ".repeat(n), " }".repeat(n));
    let code = parse(&format!("{{ {} }}", nested(4000)));
    let stack = vec![Type::Unit; 4000];
    fragment(&code, stack, &mut Gas::unlimited()).unwrap();
    let functions = |n: usize| {
        format!("{}{}", "{ DROP; PUSH (lambda unit unit) ".repeat(n), "{}") + &"; DROP; UNIT }".repeat(n)
    };
    let function = parse(&functions(1500));
    Value::parse(&function, &ty("lambda unit unit"), &mut Reading::literal(&mut Gas::unlimited())).unwrap();

    let mut small = Gas::new(1_000);
    let error =
        fragment(&parse(&format!("{{ {} }}", nested(100))), vec![Type::Unit; 100], &mut small).err().unwrap();
    assert!(matches!(error.reason, Reason::Gas(_)));
}

/// A type, and values of it in readable form.
fn typed_value() -> impl Strategy<Value = (String, String)> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|n| ("int".to_owned(), n.to_string())),
        any::<u64>().prop_map(|n| ("nat".to_owned(), n.to_string())),
        "[ -!#-Z]{0,8}".prop_map(|s| ("string".to_owned(), format!("\"{s}\""))),
        any::<bool>().prop_map(|b| ("bool".to_owned(), if b { "True" } else { "False" }.to_owned())),
        Just(("unit".to_owned(), "Unit".to_owned())),
        (-62_167_219_200i64..253_402_300_799).prop_map(|n| ("timestamp".to_owned(), format!("{n}"))),
        Just(("address".to_owned(), format!("\"{}%go\"", support::ROLLUP))),
        Just(("key_hash".to_owned(), format!("\"{}\"", support::ACCOUNT))),
        Just(("lambda int int".to_owned(), "{ PUSH int 1 ; ADD }".to_owned())),
    ];
    leaf.prop_map(|(t, v)| (format!("({t})").replace("(int)", "int"), v)).prop_recursive(5, 20, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|((a, x), (b, y))| (format!("(pair {a} {b})"), format!("(Pair {x} {y})"))),
            (inner.clone(), inner.clone())
                .prop_map(|((a, x), (b, _))| (format!("(or {a} {b})"), format!("(Left {x})"))),
            inner.clone().prop_map(|(a, x)| (format!("(option {a})"), format!("(Some {x})"))),
            inner.prop_map(|(a, x)| (format!("(list {a})"), format!("{{ {x} ; {x} }}"))),
        ]
    })
}

proptest! {
    #[test]
    fn every_form_of_a_value_reads_back((type_text, value_text) in typed_value()) {
        let ty = Type::parse(&Micheline::parse(&type_text.replace("(nat)", "nat")).unwrap()).unwrap();
        let mut gas = Gas::unlimited();
        let value = Value::parse(&parse(&value_text), &ty, &mut Reading::literal(&mut gas)).unwrap();
        let reference = value.pack(&ty, &mut gas).unwrap();
        for form in [Form::Readable(IdFamily::Alpha), Form::Readable(IdFamily::Mainnet), Form::Optimized, Form::Packed] {
            let written = value.to_micheline(&ty, form, &mut gas).unwrap();
            let again = Value::parse(&written, &ty, &mut Reading::literal(&mut gas)).unwrap();
            prop_assert_eq!(&again.pack(&ty, &mut gas).unwrap(), &reference);
        }
        prop_assert_eq!(Type::parse(&ty.to_micheline()).unwrap(), ty);
    }
}
