//! Laws of values and code, and strangers who try to exhaust the machine.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use proptest::prelude::*;
use soru_base::{Binary, Entrypoint};
use soru_michelson::interpret::{call, run_fragment};
use soru_michelson::text::{Shape, Source, Syntax};
use soru_michelson::typecheck::fragment;
use soru_michelson::{Gas, Micheline, Origin, Reading, Reason, RunError, Script, Type, Value};
use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;
use support::{Tables, context, parse};

/// A comparable type, and three values of it.
fn comparable() -> impl Strategy<Value = (String, [String; 3])> {
    fn three<S: Strategy>(values: S, show: fn(S::Value) -> String) -> impl Strategy<Value = [String; 3]> {
        proptest::collection::vec(values, 3)
            .prop_map(move |values| values.into_iter().map(show).collect::<Vec<_>>().try_into().unwrap())
    }
    let named = |name: &'static str| move |values| (name.to_owned(), values);
    let leaf = prop_oneof![
        three(-3i64..3, |n| n.to_string()).prop_map(named("int")),
        three(any::<i128>(), |n| n.to_string()).prop_map(named("int")),
        three(0u64..4, |n| n.to_string()).prop_map(named("mutez")),
        three("[ab]{0,2}", |s| format!("\"{s}\"")).prop_map(named("string")),
        three(proptest::collection::vec(any::<u8>(), 0..3), |b| format!("0x{}", hex::encode(b)))
            .prop_map(named("bytes")),
        three(any::<bool>(), |b| if b { "True" } else { "False" }.to_owned()).prop_map(named("bool")),
        three(Just(()), |()| "Unit".to_owned()).prop_map(named("unit")),
        three((0u8..3, any::<[u8; 2]>()), |(curve, b)| format!("0x0{curve}{}", hex::encode([b[0]; 20])))
            .prop_map(named("key_hash")),
        three((any::<bool>(), 0u8..3, "[ab]{0,2}"), |(contract, byte, name)| {
            let hash = hex::encode([byte; 20]);
            let name = hex::encode(name);
            if contract { format!("0x01{hash}00{name}") } else { format!("0x00{:02x}{hash}{name}", byte % 4) }
        })
        .prop_map(named("address")),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        let side = proptest::collection::vec(any::<bool>(), 3);
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| {
                let pair = |i: usize| format!("(Pair {} {})", x[i], y[i]);
                (format!("(pair {a} {b})"), [pair(0), pair(1), pair(2)])
            }),
            (inner.clone(), inner.clone(), side.clone()).prop_map(|((a, x), (b, y), left)| {
                let or =
                    |i: usize| if left[i] { format!("(Left {})", x[i]) } else { format!("(Right {})", y[i]) };
                (format!("(or {a} {b})"), [or(0), or(1), or(2)])
            }),
            (inner, side).prop_map(|((a, x), some)| {
                let option = |i: usize| if some[i] { format!("(Some {})", x[i]) } else { "None".to_owned() };
                (format!("(option {a})"), [option(0), option(1), option(2)])
            }),
        ]
    })
}

proptest! {
    #[test]
    fn comparable_values_have_a_total_order((ty, texts) in comparable()) {
        let ty = Type::parse(&parse(&ty)).unwrap();
        let gas = &mut Gas::unlimited();
        let mut values: Vec<Value> = texts
            .iter()
            .map(|text| Value::parse(&parse(text), &ty, &mut Reading::literal(gas)).unwrap())
            .collect();
        for a in &values {
            for b in &values {
                let order = a.cmp(b);
                prop_assert_eq!(order, b.cmp(a).reverse());
                prop_assert_eq!(order == Ordering::Equal, a.pack(&ty, gas).unwrap() == b.pack(&ty, gas).unwrap());
            }
        }
        values.sort();
        prop_assert!(values[0] <= values[1] && values[1] <= values[2] && values[0] <= values[2]);
    }

    #[test]
    fn what_is_packed_unpacks((ty, texts) in comparable()) {
        let code = format!("{{ DUP ; PACK ; UNPACK {ty} ; ASSERT_SOME ; COMPARE }}");
        let ty = Type::parse(&parse(&ty)).unwrap();
        let gas = &mut Gas::unlimited();
        let value = Value::parse(&parse(&texts[0]), &ty, &mut Reading::literal(gas)).unwrap();
        let (code, _) = fragment(&parse(&code), vec![ty], gas).unwrap();
        let left = run_fragment(code, vec![value], &context(), &mut Tables::default(), gas).unwrap();
        prop_assert!(left == [Value::int(0)]);
    }

    #[test]
    fn bytes_that_anybody_packs_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let packed = [&[5], bytes.as_slice()].concat();
        for ty in ["int", "(list (option address))", "(lambda unit unit)", "chest", "bls12_381_g1"] {
            let (code, _) = fragment(&parse(&format!("{{ UNPACK {ty} }}")), vec![Type::Bytes], &mut Gas::unlimited()).unwrap();
            let stack = vec![Value::bytes(&packed)];
            run_fragment(code, stack, &context(), &mut Tables::default(), &mut Gas::unlimited()).unwrap();
        }
    }
}

/// The code of the project's TZT files, and the types of the stacks it begins with.
fn corpus() -> Vec<(Micheline, Vec<Type>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/tzt");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let mut test = Syntax::script(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let (mut code, mut types) = (None, Some(Vec::new()));
        for mut declaration in test.take_children() {
            let args = declaration.take_children();
            let Shape::Prim { name, .. } = &declaration.shape else { continue };
            for mut arg in args {
                match name.as_str() {
                    "code" => code = Some(Source::from_syntax(arg).unwrap().node),
                    "input" => {
                        for mut item in arg.take_children() {
                            let ty = Source::from_syntax(item.take_children().remove(0)).unwrap().node;
                            types = types.zip(Type::parse(&ty).ok()).map(|(mut types, ty)| {
                                types.insert(0, ty);
                                types
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
        found.extend(code.zip(types));
    }
    found
}

#[test]
fn code_is_the_same_in_every_form_and_has_one_type() {
    let corpus = corpus();
    assert!(corpus.len() > 300);
    for (code, types) in corpus {
        let printed = code.to_string();
        let again = Micheline::parse(&printed).unwrap();
        assert_eq!(again, code, "{printed}");
        assert_eq!(Micheline::from_bytes(&code.to_bytes()).unwrap(), code);
        assert_eq!(Micheline::from_json_value(&code.to_json_value()).unwrap(), code);
        let after =
            |code: &Micheline| fragment(code, types.clone(), &mut Gas::unlimited()).map(|(_, after)| after);
        assert_eq!(after(&again), after(&code), "{printed}");
    }
}

fn exhausts(code: &str) {
    let gas = &mut Gas::new(300_000_000);
    let (typed, _) = fragment(&parse(&format!("{{ {code} }}")), Vec::new(), gas).unwrap();
    let end = run_fragment(typed, Vec::new(), &context(), &mut Tables::default(), gas);
    assert!(matches!(end, Err(RunError::Gas(_))), "{}", code.chars().take(80).collect::<String>());
}

/// Code that makes a list of two equal lists of two equal lists …, with the type of the innermost elements.
fn doubled(element: &str, make: &str, times: usize) -> (String, String) {
    let (mut code, mut ty) = (make.to_owned(), element.to_owned());
    for _ in 0..times {
        code += &format!(" ; DUP ; NIL ({ty}) ; SWAP ; CONS ; SWAP ; CONS");
        ty = format!("list ({ty})");
    }
    (code, ty)
}

#[test]
fn what_is_small_in_memory_and_enormous_when_written_runs_out_of_gas() {
    let (code, _) = doubled("int", "PUSH int 1", 60);
    exhausts(&format!("{code} ; PACK"));
    exhausts(&format!("{code} ; FAILWITH"));
    // The elements are met once each, though they are one.
    let (code, ty) = doubled("big_map int int", "EMPTY_BIG_MAP int int", 60);
    let script = format!("parameter unit ; storage ({ty}) ; code {{ DROP ; {code} ; NIL operation ; PAIR }}");
    let gas = &mut Gas::new(300_000_000);
    let script = Script::typecheck(&Micheline::parse_script(&script).unwrap(), gas).unwrap();
    let to = (&Entrypoint::default(), &Micheline::unit(), Origin::External);
    let end = call(&script, &Micheline::seq([]), to, &context(), &mut Tables::default(), gas);
    assert!(matches!(end, Err(RunError::Gas(_))));
    let function = "LAMBDA (pair (lambda unit unit) (lambda unit unit) unit) unit { DROP ; UNIT }";
    let twice = format!("DUP ; {function} ; SWAP ; APPLY ; SWAP ; APPLY");
    exhausts(&format!("LAMBDA unit unit {{ }} {} ; PACK", format!(" ; {twice}").repeat(40)));
}

#[test]
fn what_would_not_end_or_grow_without_limit_runs_out_of_gas() {
    exhausts("NIL int ; PUSH bool True ; LOOP { PUSH int 1 ; CONS ; PUSH bool True }");
    exhausts(
        "EMPTY_SET int ; PUSH int 0 ; PUSH bool True ; LOOP { DUP ; DIP { PUSH bool True ; SWAP ; UPDATE } ; PUSH int 1 ; ADD ; PUSH bool True }",
    );
    exhausts("LAMBDA_REC unit unit { EXEC ; DROP ; UNIT } ; UNIT ; EXEC");
    exhausts(
        "PUSH nat 1 ; PUSH bool True ; LOOP { DROP ; PUSH nat 256 ; PUSH nat 3 ; LSL ; DUP ; MUL ; DUP ; MUL ; PUSH bool True }",
    );
    exhausts("PUSH bytes 0x00 ; PUSH bool True ; LOOP { PUSH nat 64000 ; SWAP ; LSL ; PUSH bool True }");
    exhausts(
        "PUSH string \"ab\" ; PUSH bool True ; LOOP { DUP ; NIL string ; SWAP ; CONS ; SWAP ; CONS ; CONCAT ; PUSH bool True }",
    );
    exhausts(
        "PUSH bytes 0x02 ; PUSH bool True ; LOOP { DUP ; CONCAT ; DUP ; UNPACK (list unit) ; DROP ; PUSH bool True }",
    );
}

#[test]
fn numbers_are_shared_not_copied() {
    let gas = &mut Gas::unlimited();
    let code = "{ PUSH nat 5 ; DUP ; DUP ; PAIR ; DUP ; CAR ; SWAP ; CDR }";
    let (typed, _) = fragment(&parse(code), Vec::new(), gas).unwrap();
    let left = run_fragment(typed, Vec::new(), &context(), &mut Tables::default(), gas).unwrap();
    let [Value::Int(a), Value::Int(b), Value::Int(c)] = left.as_slice() else { panic!("three numbers") };
    assert!(Arc::ptr_eq(a, b) && Arc::ptr_eq(b, c));
}

/// A type with many parts.
fn large_type() -> String {
    format!("pair {}", "int ".repeat(900))
}

#[test]
fn operations_that_are_dropped_are_paid_for() {
    let large = large_type();
    exhausts(&format!("PUSH bool True ; LOOP {{ NONE ({large}) ; EMIT ; DROP ; PUSH bool True }}"));
    let code = format!("{{ {} CDR ; NIL operation ; PAIR }}", "PUSH int 1 ; DROP ; ".repeat(900));
    let create = format!("CREATE_CONTRACT {{ parameter unit ; storage unit ; code {code} }} ; DROP 2");
    exhausts(&format!(
        "PUSH bool True ; LOOP {{ UNIT ; PUSH mutez 0 ; NONE key_hash ; {create} ; PUSH bool True }}"
    ));
}

#[test]
fn there_are_only_so_many_operations() {
    let code = "{ PUSH bool True ; LOOP { UNIT ; EMIT ; DROP ; PUSH bool True } }";
    let gas = &mut Gas::unlimited();
    let (typed, _) = fragment(&parse(code), Vec::new(), gas).unwrap();
    let end = run_fragment(typed, Vec::new(), &context(), &mut Tables::default(), gas);
    assert!(matches!(end, Err(RunError::TooManyOperations { location: 7 })), "{:?}", end.err());
}

#[test]
fn functions_in_functions_are_written_in_time() {
    let nested = |ty: &str, open: &str, close: &str| {
        let (mut code, depth) = ("{ }".to_owned(), 1_500);
        for _ in 0..depth {
            code = format!("{{ PUSH ({ty}) {open}{code}{close} ; DROP }}");
        }
        format!("LAMBDA unit unit {code} ; PACK")
    };
    // Linear, so that this is cheap.
    let gas = &mut Gas::new(20_000_000);
    let (typed, _) =
        fragment(&parse(&format!("{{ {} }}", nested("lambda unit unit", "", ""))), Vec::new(), gas).unwrap();
    let packed = run_fragment(typed, Vec::new(), &context(), &mut Tables::default(), gas).unwrap();
    let [Value::Bytes(packed)] = packed.as_slice() else { panic!("bytes") };
    assert!(packed.len() > 1_500 * 10);
    exhausts(&nested("option (lambda unit unit)", "(Some ", ")"));
}

#[test]
fn copies_of_an_operation_are_paid_for() {
    let code = "NIL operation ; UNIT ; EMIT ; PUSH int 100000 ; DUP ; GT ;
        LOOP { DIP { DUP ; DIP { CONS } } ; PUSH int 1 ; SWAP ; SUB ; DUP ; GT } ; DROP 2 ; UNIT ; SWAP ; PAIR";
    let script = format!("parameter unit ; storage unit ; code {{ DROP ; {code} }}");
    let gas = &mut Gas::new(1_000_000_000);
    let script = Script::typecheck(&Micheline::parse_script(&script).unwrap(), gas).unwrap();
    let to = (&Entrypoint::default(), &Micheline::unit(), Origin::External);
    let end = call(&script, &Micheline::unit(), to, &context(), &mut Tables::default(), gas);
    assert!(matches!(end, Err(RunError::Gas(_))));
}

#[test]
fn scripts_that_make_scripts_cost_what_their_copies_take() {
    let mut script = "{ parameter unit ; storage unit ; code { CDR ; NIL operation ; PAIR } }".to_owned();
    for _ in 0..400 {
        let made = format!("UNIT ; PUSH mutez 0 ; NONE key_hash ; CREATE_CONTRACT {script} ; DROP 2");
        script =
            format!("{{ parameter unit ; storage unit ; code {{ CDR ; {made} ; NIL operation ; PAIR }} }}");
    }
    let script = parse(&script);
    let typed = |gas: u64| Script::typecheck(&script, &mut Gas::new(gas)).map(drop);
    assert!(typed(u64::MAX).is_ok());
    assert!(typed(300_000_000).is_err_and(|e| matches!(e.reason, Reason::Gas(_))));
}

#[test]
fn numbers_that_are_long_to_write_down_run_out_of_gas() {
    let double = "DUP ; CONCAT ; ".repeat(22);
    exhausts(&format!("PUSH bytes 0x01 ; {double} NAT ; PACK"));
    exhausts(&format!("PUSH bytes 0x01 ; {double} NAT ; INT ; PUSH timestamp 0 ; ADD ; FAILWITH"));
    // A message about a number does not take long either.
    let digits = Micheline::int(num_bigint::BigInt::from(1) << 40_000_000u32);
    let error = Value::parse(&digits, &Type::String, &mut Reading::literal(&mut Gas::unlimited())).err();
    assert!(error.unwrap().to_string().ends_with("found a number of 40000001 bits"));
}

#[test]
fn packed_data_nested_too_deeply_is_none() {
    let mut bytes = Vec::new();
    for _ in 0..20_000 {
        let inner = std::mem::take(&mut bytes);
        bytes = [&[2][..], &u32::try_from(inner.len()).unwrap().to_be_bytes(), &inner].concat();
    }
    let (code, _) =
        fragment(&parse("{ UNPACK (list int) }"), vec![Type::Bytes], &mut Gas::unlimited()).unwrap();
    let stack = vec![Value::bytes(&[&[5][..], &bytes].concat())];
    let left = run_fragment(code, stack, &context(), &mut Tables::default(), &mut Gas::unlimited()).unwrap();
    assert!(left == [Value::none()]);
}
