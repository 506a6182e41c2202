//! Whole scripts: entrypoints, rollups, big maps, views, new contracts, gas.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use soru_base::{Address, ContractHash, Entrypoint, Mutez};
use soru_michelson::interpret::{BigMapAction, Operation, OperationContent, ViewTarget, call, originate};
use soru_michelson::{
    Context, Form, Gas, Micheline, Origin, Outcome, Reason, RunError, Script, Source, Type, Value,
};
use support::{OTHER, ROLLUP, SELF, Tables, context, parse, rollup, ty};

const MAILBOX: &str = include_str!("../contracts/mailbox.tz");

fn script(text: &str) -> Script {
    let source = Source::script(text).unwrap_or_else(|e| panic!("{e}"));
    Script::typecheck(&source.node, &mut Gas::unlimited())
        .unwrap_or_else(|e| panic!("{}", e.in_source(&source)))
}

fn at(name: &str) -> Entrypoint {
    Entrypoint::new(name).unwrap()
}

fn run_as(
    script: &Script,
    storage: &str,
    (entrypoint, argument, origin): (&str, &str, Origin),
    context: &Context,
    chain: &mut Tables,
) -> Result<Outcome, RunError> {
    let call_to = (&at(entrypoint), &parse(argument), origin);
    call(script, &parse(storage), call_to, context, chain, &mut Gas::new(1_000_000_000))
}

fn run(script: &Script, storage: &str, argument: &str, chain: &mut Tables) -> Result<Outcome, RunError> {
    run_as(script, storage, ("default", argument, Origin::External), &context(), chain)
}

fn optimized(operation: &Operation) -> Option<Micheline> {
    operation.content.data(Form::Optimized, &mut Gas::unlimited()).unwrap()
}

#[test]
fn mailbox_sends_to_the_rollup() {
    let script = script(MAILBOX);
    let storage = format!("Pair \"{ROLLUP}\" 0x00");
    let mut chain = Tables::default().parameter(ROLLUP, "bytes");
    let outcome =
        run_as(&script, &storage, ("send", "0x0102", Origin::External), &context(), &mut chain).unwrap();
    let [operation] = outcome.operations.as_slice() else { panic!("one operation") };
    let OperationContent::Transfer { amount, destination, entrypoint, .. } = &operation.content else {
        panic!("a transfer")
    };
    assert_eq!((*amount, *destination), (Mutez(0), Address::SmartRollup(rollup())));
    assert!(entrypoint.is_default());
    assert_eq!(optimized(operation), Some(parse("0x0102")));
    assert_eq!(operation.source, SELF.parse().unwrap());
    let unchanged =
        format!("Pair 0x{} 0x00", hex::encode(soru_base::Binary::to_bytes(&Address::from(rollup()))));
    assert_eq!(outcome.storage, parse(&unchanged));
    let readable =
        script.readable_storage(&outcome.storage, soru_base::IdFamily::Alpha, &mut Gas::unlimited()).unwrap();
    assert_eq!(readable, parse(&storage));

    // A rollup that takes something else, or none at all.
    for mut chain in [Tables::default().parameter(ROLLUP, "nat"), Tables::default()] {
        let failed = run_as(&script, &storage, ("send", "0x0102", Origin::External), &context(), &mut chain);
        assert!(matches!(failed, Err(RunError::Failed { .. })));
    }
}

#[test]
fn mailbox_receives_from_the_rollup_alone() {
    let script = script(MAILBOX);
    let storage = format!("Pair \"{ROLLUP}\" 0x00");
    let mut chain = Tables::default();
    let from_rollup = Context { sender: rollup().into(), ..context() };
    let outcome =
        run_as(&script, &storage, ("receive", "0xbeef", Origin::Internal), &from_rollup, &mut chain).unwrap();
    assert!(outcome.operations.is_empty());
    assert_eq!(outcome.storage.children()[1], parse("0xbeef"));
    let failed = run_as(&script, &storage, ("receive", "0xbeef", Origin::External), &context(), &mut chain);
    let Err(RunError::Failed { with, location }) = failed else { panic!("it should have failed") };
    assert_eq!(with, parse("\"only the rollup may call receive\""));
    let source = Source::script(MAILBOX).unwrap();
    assert_eq!(source.position(location).unwrap().line, 8);
    let missing = run_as(&script, &storage, ("reset", "Unit", Origin::External), &context(), &mut chain);
    assert!(matches!(missing, Err(RunError::NoEntrypoint(_))));
    let ill_typed = run_as(&script, &storage, ("receive", "1", Origin::External), &from_rollup, &mut chain);
    assert!(matches!(ill_typed, Err(RunError::Argument(_))));
}

const REGISTER: &str = "
    parameter (or (pair %set string nat) (string %remove));
    storage (pair (big_map string nat) nat);
    code { UNPAIR;
           IF_LEFT { UNPAIR; DIP { SOME; DIP { UNPAIR } }; UPDATE }
                   { DIP { UNPAIR; NONE nat }; UPDATE };
           DIP { PUSH nat 1; ADD }; PAIR; NIL operation; PAIR }";

#[test]
fn big_maps_live_on_the_chain() {
    let script = script(REGISTER);
    let mut chain = Tables::default();
    let first = parse("Pair { Elt \"a\" 1 } 0");
    let (storage, diffs) =
        originate(&script, &first, Origin::External, &mut chain, &mut Gas::unlimited()).unwrap();
    assert_eq!(storage, parse("Pair 1001 0"));
    assert_eq!(diffs.len(), 1);
    assert_eq!(diffs[0].action, BigMapAction::Alloc { key_type: Type::String, value_type: Type::Nat });
    assert_eq!(diffs[0].updates[0].key_hash, parse("\"a\"").packed_hash());
    chain.apply(&diffs);

    let set = ("set", "Pair \"b\" 2", Origin::External);
    let outcome = run_as(&script, &storage.to_string(), set, &context(), &mut chain).unwrap();
    assert_eq!(outcome.storage, parse("Pair 1001 1"));
    assert_eq!(outcome.big_maps[0].action, BigMapAction::Update);
    chain.apply(&outcome.big_maps);
    let remove = ("remove", "\"a\"", Origin::External);
    let outcome = run_as(&script, &outcome.storage.to_string(), remove, &context(), &mut chain).unwrap();
    chain.apply(&outcome.big_maps);
    let bindings: Vec<_> = chain.big_maps[&1001.into()].bindings.values().cloned().collect();
    assert_eq!(bindings, [parse("2")]);

    // Numbers of big maps cannot come from outside.
    let forged = parse("Pair 1001 0");
    assert!(originate(&script, &forged, Origin::External, &mut chain, &mut Gas::unlimited()).is_err());
    // A big map of other types is not taken.
    let wrong = Script::typecheck(
        &Micheline::parse_script("parameter unit; storage (big_map string int); code { FAILWITH }").unwrap(),
        &mut Gas::unlimited(),
    );
    assert!(wrong.is_err(), "a pair with a big map cannot be failed with");
}

#[test]
fn a_copy_of_a_big_map_has_nothing_of_what_changes_afterwards() {
    let script = script(
        "parameter unit; storage (pair (big_map string nat) (big_map string nat));
         code { CDR; CAR; DUP; PUSH (option nat) (Some 1); PUSH string \"new\"; UPDATE;
                PUSH (option nat) (Some 2); PUSH string \"other\"; UPDATE; PAIR; NIL operation; PAIR }",
    );
    let mut chain = Tables::default();
    let (storage, made) =
        originate(&script, &parse("Pair {} {}"), Origin::External, &mut chain, &mut Gas::unlimited())
            .unwrap();
    chain.apply(&made);
    let to = (&Entrypoint::default(), &parse("Unit"), Origin::External);
    let outcome = call(&script, &storage, to, &context(), &mut chain, &mut Gas::unlimited()).unwrap();
    // As the network writes it: what is gone, copies, changes; the last key first.
    let actions: Vec<_> = outcome.big_maps.iter().map(|diff| diff.action.clone()).collect();
    let [BigMapAction::Remove, BigMapAction::Copy { .. }, BigMapAction::Update] = actions.as_slice() else {
        panic!("{actions:?}")
    };
    let keys: Vec<_> = outcome.big_maps[2].updates.iter().map(|update| update.key_hash).collect();
    assert!(keys.len() == 2 && keys[0] > keys[1]);
    chain.apply(&outcome.big_maps);
    assert!(chain.big_maps[&outcome.big_maps[1].id].bindings.is_empty());
    assert_eq!(chain.big_maps[&outcome.big_maps[2].id].bindings.len(), 2);
}

#[test]
fn big_maps_are_copied_handed_over_and_removed() {
    let giver = script(
        "parameter (contract (big_map string nat)); storage (big_map string nat);
         code { UNPAIR; PUSH mutez 0; DUP 3; TRANSFER_TOKENS; NIL operation; SWAP; CONS;
                DIP { DROP; EMPTY_BIG_MAP string nat }; PAIR }",
    );
    let taker = script(
        "parameter (big_map string nat); storage (big_map string nat);
         code { CAR; PUSH (option nat) (Some 9); PUSH string \"new\"; UPDATE; NIL operation; PAIR }",
    );
    let mut chain = Tables::default().parameter(OTHER, "big_map string nat");
    let (storage, diffs) =
        originate(&giver, &parse("{ Elt \"a\" 1 }"), Origin::External, &mut chain, &mut Gas::unlimited())
            .unwrap();
    chain.apply(&diffs);
    let (taken, diffs) =
        originate(&taker, &parse("{}"), Origin::External, &mut chain, &mut Gas::unlimited()).unwrap();
    chain.apply(&diffs);

    let outcome = run(&giver, &storage.to_string(), &format!("\"{OTHER}\""), &mut chain).unwrap();
    let actions: Vec<_> = outcome.big_maps.iter().map(|diff| diff.action.clone()).collect();
    assert!(matches!(
        actions.as_slice(),
        [BigMapAction::Copy { .. }, BigMapAction::Remove, BigMapAction::Alloc { .. }]
    ));
    chain.apply(&outcome.big_maps);
    let argument = optimized(&outcome.operations[0]).unwrap();
    assert_eq!(argument, parse("-3"));

    let internal = ("default", &*argument.to_string(), Origin::Internal);
    let outcome = run_as(&taker, &taken.to_string(), internal, &context(), &mut chain).unwrap();
    chain.apply(&outcome.big_maps);
    let Micheline::Int(id) = &outcome.storage else { panic!("a number") };
    let bindings: Vec<_> = chain.big_maps[id].bindings.values().cloned().collect();
    assert_eq!(bindings.len(), 2);
    // The temporary one is left to whoever ends the operation; the old one of the taker is gone.
    assert_eq!(chain.big_maps.len(), 3);
}

#[test]
fn views_answer_and_change_nothing() {
    let target = Micheline::parse_script(
        "parameter unit; storage nat; code { CDR; NIL operation; PAIR };
         view \"plus\" nat nat { UNPAIR; ADD };
         view \"who\" unit (pair address address mutez) { DROP; BALANCE; SELF_ADDRESS; SENDER; PAIR 3 }",
    )
    .unwrap();
    let address: ContractHash = OTHER.parse().unwrap();
    let mut chain = Tables::default();
    chain
        .views
        .insert(address, ViewTarget { address, script: target, storage: parse("40"), balance: Mutez(9) });
    let asking = script(&format!(
        "parameter nat; storage nat;
         code {{ CAR; PUSH address \"{OTHER}\"; SWAP; VIEW \"plus\" nat; ASSERT_SOME; NIL operation; PAIR }}"
    ));
    assert_eq!(run(&asking, "0", "2", &mut chain).unwrap().storage, parse("42"));
    for (name, output, found) in [("plus", "nat", true), ("plus", "int", false), ("minus", "nat", false)] {
        let line = format!("VIEW \"{name}\" {output} | Elt nat 1 ; Elt address \"{OTHER}\" |");
        let expected = if found { "(Some 41)" } else { "None" };
        support::table(&chain, &format!("{line} Elt (option {output}) {expected}"));
    }
    let line = format!(
        "VIEW \"who\" (pair address address mutez) ; SELF_ADDRESS | Elt unit Unit ; Elt address \"{OTHER}\""
    );
    let after = format!(
        "Elt address \"{SELF}\" ; Elt (option (pair address address mutez)) (Some (Pair \"{SELF}\" \"{OTHER}\" 9))"
    );
    support::table(&chain, &format!("{line} | {after}"));
}

#[test]
fn operations_are_numbered_in_the_order_they_are_made() {
    let script = script(
        "parameter unit; storage unit;
         code { DROP; UNIT; PUSH mutez 3; NONE key_hash;
                CREATE_CONTRACT { parameter unit; storage unit; code { CDR; NIL operation; PAIR } };
                SWAP; DROP; PUSH string \"x\"; EMIT %done string; NIL operation; SWAP; CONS; SWAP; CONS; UNIT; SWAP; PAIR }",
    );
    let outcome = run(&script, "Unit", "Unit", &mut Tables::default()).unwrap();
    let [created, event] = outcome.operations.as_slice() else { panic!("two operations") };
    assert_eq!((created.nonce, event.nonce), (0, 1));
    let OperationContent::Origination { address, balance, script, .. } = &created.content else { panic!() };
    assert_eq!((*address, *balance), (ContractHash([1; 20]), Mutez(3)));
    assert_eq!(script.children().len(), 3);
    let OperationContent::Event { tag, written_type, .. } = &event.content else { panic!() };
    assert_eq!((tag.as_str().as_ref(), written_type), ("done", &parse("string")));
}

#[test]
fn gas_ends_what_would_not_end() {
    for code in [
        "DROP; PUSH bool True; LOOP { PUSH bool True }; UNIT; NIL operation; PAIR",
        "DROP; LAMBDA_REC unit unit { EXEC }; UNIT; EXEC; NIL operation; PAIR",
        "DROP; PUSH string \"ab\"; PUSH bool True; LOOP { DUP; CONCAT; PUSH bool True }; DROP; UNIT; NIL operation; PAIR",
        "DROP; PUSH nat 99; PUSH bool True; LOOP { DUP; MUL; PUSH bool True }; DROP; UNIT; NIL operation; PAIR",
    ] {
        let script = script(&format!("parameter unit; storage unit; code {{ {code} }}"));
        let call_to = (&at("default"), &parse("Unit"), Origin::External);
        let mut gas = Gas::new(20_000_000);
        let run = call(&script, &parse("Unit"), call_to, &context(), &mut Tables::default(), &mut gas);
        assert!(matches!(run, Err(RunError::Gas(_))), "{code}");
        assert_eq!(gas.left(), 0);
    }
}

#[test]
fn functions_nested_by_application_are_dropped_without_recursion_and_not_too_deep() {
    let nested = |times: usize| {
        let code = "parameter unit; storage unit;
         code { DROP; LAMBDA unit unit {}; PUSH nat TIMES; DUP; NEQ;
                LOOP { SWAP; LAMBDA (pair (lambda unit unit) unit) unit { CDR }; SWAP; APPLY; SWAP;
                       PUSH int -1; ADD; ABS; DUP; NEQ };
                DROP 2; UNIT; NIL operation; PAIR }"
            .replace("DUP; NEQ", "DUP; INT; NEQ")
            .replace("TIMES", &times.to_string());
        run(&script(&code), "Unit", "Unit", &mut Tables::default())
    };
    nested(10_000).unwrap();
    assert!(matches!(nested(10_001), Err(RunError::Unwritable(Reason::TooDeep))));
}

#[test]
fn packed_functions_hold_optimized_literals() {
    let line = format!(
        "LAMBDA (pair nat unit) address {{ DROP; PUSH address \"{OTHER}\" }} ; PUSH nat 3 ; APPLY ; PACK ; \
         UNPACK (lambda unit address) ; ASSERT_SOME | | \
         Elt (lambda unit address) {{ PUSH nat 3 ; PAIR ; {{ DROP ; PUSH address \"{OTHER}\" }} }}"
    );
    support::table(&Tables::default(), &line);
    let value = Value::parse(
        &parse(&format!("{{ DROP ; PUSH address \"{OTHER}\" }}")),
        &ty("lambda unit address"),
        &mut soru_michelson::Reading::literal(&mut Gas::unlimited()),
    );
    let packed = value.unwrap().pack(&ty("lambda unit address"), &mut Gas::unlimited()).unwrap();
    let literal = hex::encode(soru_base::Binary::to_bytes(&OTHER.parse::<Address>().unwrap()));
    assert!(hex::encode(packed).contains(&literal));
}

#[test]
fn hashes_of_big_map_keys_do_not_depend_on_the_notation() {
    let key_type = ty("pair nat nat nat nat");
    let hash = |text: &str| {
        let mut gas = Gas::unlimited();
        let key =
            Value::parse(&parse(text), &key_type, &mut soru_michelson::Reading::literal(&mut gas)).unwrap();
        key.key_hash(&key_type, &mut gas).unwrap()
    };
    assert_eq!(hash("Pair 1 2 3 4"), hash("{ 1 ; 2 ; 3 ; 4 }"));
    assert_eq!(hash("Pair 1 (Pair 2 3 4)"), parse("Pair 1 (Pair 2 (Pair 3 4))").packed_hash());
}
