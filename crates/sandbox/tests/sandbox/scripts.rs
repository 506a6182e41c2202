//! Scripts that are tried, data in other forms, and what is said to bad questions.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soru_michelson::Micheline;

const SCRIPTS: &str = "/chains/main/blocks/head/helpers/scripts";
const CHAIN: &str = "NetXynUjJNZm7wi";
const ALICE: &str = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";

fn expr(text: &str) -> Value {
    Micheline::parse(text).expect("an expression").to_json_value()
}

fn script(text: &str) -> Value {
    Micheline::parse_script(text).expect("a script").to_json_value()
}

/// What a service of scripts answers.
async fn ask(world: &World, name: &str, body: Value) -> Value {
    world.post(&format!("{SCRIPTS}/{name}"), body).await
}

fn adder() -> Value {
    script("parameter nat; storage nat; code { UNPAIR; ADD; NIL operation; PAIR }")
}

fn run_code(more: Value) -> Value {
    let mut body = json!({
        "script": adder(), "storage": { "int": "2" }, "input": { "int": "3" }, "amount": "0", "chain_id": CHAIN,
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

#[tokio::test]
async fn code_runs_without_being_on_the_chain() {
    let world = world().await;
    let answer = ask(&world, "run_code", run_code(json!({}))).await;
    assert_eq!(answer, json!({ "storage": { "int": "5" }, "operations": [] }));

    // What it is told about its circumstances is what it sees.
    let told = script(
        "parameter unit; storage (option (pair timestamp nat address address mutez mutez)); \
         code { DROP; BALANCE; AMOUNT; SOURCE; SENDER; LEVEL; NOW; PAIR 6; SOME; NIL operation; PAIR }",
    );
    let body = run_code(json!({
        "script": told, "storage": expr("None"), "input": expr("Unit"), "amount": "7", "balance": "11",
        "source": "KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT", "payer": ALICE, "now": "2026-11-22T09:30:00Z", "level": "77",
    }));
    let answer = ask(&world, "run_code", body).await;
    let expected = format!(
        "Some (Pair \"2026-11-22T09:30:00Z\" 77 \"KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT\" \"{ALICE}\" 7 11)"
    );
    assert_eq!(answer["storage"], expr(&expected));

    // Calls and new big maps are told and not made.
    let calls = script(
        "parameter address; storage (big_map nat nat); \
         code { UNPAIR; CONTRACT nat; ASSERT_SOME; PUSH mutez 0; PUSH nat 9; TRANSFER_TOKENS; \
                SWAP; PUSH (option nat) (Some 4); PUSH nat 3; UPDATE; SWAP; NIL operation; SWAP; CONS; PAIR }",
    );
    let other = "KT1AFq5XorPduoYyWxs5gEyrFK6fVjJVbtCj";
    let body = run_code(json!({
        "script": calls, "storage": expr("{ Elt 1 2 }"), "input": { "string": other },
        "other_contracts": [{ "address": other, "type": expr("nat") }],
    }));
    let answer = ask(&world, "run_code", body).await;
    let operation = &answer["operations"][0];
    assert_eq!((&operation["kind"], &operation["destination"]), (&json!("transaction"), &json!(other)));
    assert_eq!(operation["parameters"]["value"], expr("9"));
    assert!(operation.get("result").is_none());
    assert_eq!(answer["lazy_storage_diff"][0]["diff"]["action"], "alloc");
    assert_eq!(answer["lazy_storage_diff"][0]["diff"]["updates"].as_array().map(Vec::len), Some(2));

    // Big maps can be made up.
    let reads = script(
        "parameter nat; storage (pair (big_map nat string) (option string)); \
         code { UNPAIR; DUP 2; CAR; SWAP; GET; UPDATE 2; NIL operation; PAIR }",
    );
    let body = run_code(json!({
        "script": reads, "storage": expr("Pair 5 None"), "input": { "int": "1" },
        "extra_big_maps": [{
            "id": "5", "key_type": expr("nat"), "val_type": expr("string"), "map_literal": expr("{ Elt 1 \"one\" }"),
        }],
    }));
    assert_eq!(ask(&world, "run_code", body).await["storage"], expr("Pair 5 (Some \"one\")"));
}

#[tokio::test]
async fn instructions_run_on_a_stack() {
    let world = world().await;
    let body = json!({
        "input": [{ "type": expr("nat"), "val": expr("2") }, { "type": expr("address"), "val": { "string": ALICE } }],
        "code": expr("{ PUSH nat 40; ADD }"), "amount": "0", "chain_id": CHAIN, "gas": "1000",
    });
    let answer = ask(&world, "run_instruction", body).await;
    assert_eq!(answer["output"][0], json!({ "type": expr("nat"), "val": expr("42") }));
    assert_eq!(answer["output"][1]["val"], json!({ "string": ALICE }));
    let left: u64 = text(&answer["gas"]).parse().expect("milligas");
    assert!(left > 0 && left < 1_000_000, "{left}");
}

#[tokio::test]
async fn code_and_data_are_typed() {
    let world = world().await;
    let answer =
        ask(&world, "typecheck_code", json!({ "program": adder(), "gas": "10000", "show_types": false }))
            .await;
    assert_eq!(answer["type_map"], json!([]));
    assert!(text(&answer["gas"]).parse::<u64>().expect("milligas") < 10_000_000);
    assert_eq!(
        ask(&world, "typecheck_code", json!({ "program": adder(), "show_types": false })).await["gas"],
        "unaccounted"
    );
    ask(&world, "typecheck_data", json!({ "data": expr("{ 1; 2 }"), "type": expr("set nat") })).await;
    let size = ask(&world, "script_size", json!({ "program": adder(), "storage": expr("7") })).await;
    assert!(size["script_size"].as_u64().expect("bytes") > 20);
    for (name, body, error) in [
        ("typecheck_data", json!({ "data": expr("{ 2; 1 }"), "type": expr("set nat") }), "ill_typed_data"),
        ("typecheck_data", json!({ "data": expr("1"), "type": expr("set (list nat)") }), "ill_formed_type"),
        (
            "typecheck_code",
            json!({ "program": script("parameter nat; storage nat; code { CAR }") }),
            "ill_typed_contract",
        ),
        ("typecheck_code", json!({ "program": adder(), "gas": "0" }), "gas_exhausted.operation"),
        ("script_size", json!({ "program": adder(), "storage": expr("\"a\"") }), "ill_typed_data"),
    ] {
        let (status, answer) = world.try_post(&format!("{SCRIPTS}/{name}"), &body).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{name}: {answer}");
        assert!(id(&answer).starts_with("proto.") && id(&answer).ends_with(error), "{name}: {answer}");
    }
}

#[tokio::test]
async fn data_can_be_written_in_every_form() {
    let world = world().await;
    let (ty, readable) = (expr("pair address nat nat nat"), format!("Pair \"{ALICE}\" 1 2 3"));
    let hex = "0x000002298c03ed7d454a101eb7022bc95f7e5f41ac78";
    for (mode, expected) in [
        ("Readable", readable.clone()),
        ("Optimized", format!("{{ {hex}; 1; 2; 3 }}")),
        ("Optimized_legacy", format!("Pair {hex} (Pair 1 (Pair 2 3))")),
    ] {
        let body = json!({ "data": expr(&readable), "type": ty, "unparsing_mode": mode });
        assert_eq!(ask(&world, "normalize_data", body).await["normalized"], expr(&expected), "{mode}");
        let body = json!({ "input": [{ "type": ty, "val": expr(&readable) }], "unparsing_mode": mode });
        assert_eq!(ask(&world, "normalize_stack", body).await["output"][0]["val"], expr(&expected), "{mode}");
    }
    // A contract need not be there.
    let body = json!({
        "data": { "string": "KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT" }, "type": expr("contract nat"), "unparsing_mode": "Readable",
    });
    ask(&world, "normalize_data", body).await;
    let answer =
        ask(&world, "normalize_type", json!({ "type": expr("pair nat nat (list %a (pair nat nat nat))") }))
            .await;
    assert_eq!(answer["normalized"], expr("pair nat (pair nat (list (pair nat (pair nat nat))))"));
    let code = script(
        "parameter unit; storage address; code { DROP; PUSH address 0x000002298c03ed7d454a101eb7022bc95f7e5f41ac78; NIL operation; PAIR }",
    );
    let answer =
        ask(&world, "normalize_script", json!({ "script": code, "unparsing_mode": "Readable" })).await;
    assert!(answer["normalized"].to_string().contains(ALICE), "{answer}");
    let packed =
        ask(&world, "pack_data", json!({ "data": { "string": ALICE }, "type": expr("address") })).await;
    assert_eq!(packed["packed"], format!("050a00000016{}", &hex[2..]));
}

#[tokio::test]
async fn entrypoints_of_scripts_are_listed() {
    let world = world().await;
    let code = script(
        "parameter (or (or (nat %put) (unit %take)) (or string (pair %both nat nat))); storage unit; code { FAILWITH }",
    );
    let answer = ask(&world, "entrypoints", json!({ "script": code })).await;
    assert_eq!(answer["unreachable"], json!([{ "path": ["Right", "Left"] }]));
    assert_eq!(answer["entrypoints"].as_object().map(|named| named.len()), Some(3));
    let body = json!({ "script": code, "entrypoint": "both" });
    assert_eq!(ask(&world, "entrypoint", body).await["entrypoint_type"], expr("pair nat nat"));
    let (_, answer) = world
        .try_post(&format!("{SCRIPTS}/entrypoint"), &json!({ "script": code, "entrypoint": "no" }))
        .await;
    assert!(id(&answer).ends_with("michelson_v1.no_such_entrypoint"), "{answer}");
}

#[tokio::test]
async fn what_fails_says_why() {
    let world = world().await;
    let fails = script("parameter string; storage unit; code { CAR; FAILWITH }");
    let body = run_code(json!({ "script": fails, "storage": expr("Unit"), "input": { "string": "no" } }));
    let (status, answer) = world.try_post(&format!("{SCRIPTS}/run_code"), &body).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(id(&answer).ends_with("michelson_v1.runtime_error"), "{answer}");
    assert!(text(&answer[1]["id"]).ends_with("michelson_v1.script_rejected"), "{answer}");
    assert_eq!(answer[1]["with"], json!({ "string": "no" }));

    let endless = script(
        "parameter unit; storage unit; code { PUSH bool True; LOOP { PUSH bool True }; CDR; NIL operation; PAIR }",
    );
    let body = run_code(json!({ "script": endless, "storage": expr("Unit"), "input": expr("Unit") }));
    let (_, answer) = world.try_post(&format!("{SCRIPTS}/run_code"), &body).await;
    assert!(id(&answer).ends_with("gas_exhausted.operation"), "{answer}");

    // Small in memory, too large to be told: a list of two equal lists of two equal lists….
    let (mut code, mut ty) = ("PUSH int 1".to_owned(), "int".to_owned());
    for _ in 0..60 {
        code += &format!("; DUP; NIL ({ty}); SWAP; CONS; SWAP; CONS");
        ty = format!("list ({ty})");
    }
    let enormous = script(&format!(
        "parameter unit; storage unit; code {{ CDR; NIL operation; {code}; EMIT; CONS; PAIR }}"
    ));
    let body = run_code(json!({ "script": enormous, "storage": expr("Unit"), "input": expr("Unit") }));
    let (_, answer) = world.try_post(&format!("{SCRIPTS}/run_code"), &body).await;
    assert!(id(&answer).ends_with("gas_exhausted.operation"), "{answer}");
    let many = script(
        "parameter unit; storage unit; \
         code { DROP; PUSH bool True; LOOP { UNIT; EMIT; DROP; PUSH bool True }; UNIT; NIL operation; PAIR }",
    );
    let body = run_code(json!({ "script": many, "storage": expr("Unit"), "input": expr("Unit") }));
    let (_, answer) = world.try_post(&format!("{SCRIPTS}/run_code"), &body).await;
    assert!(id(&answer).ends_with("too_many_internal_operations"), "{answer}");

    let missing = "KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT";
    let body = json!({
        "contract": missing, "view": "v", "input": expr("Unit"), "chain_id": CHAIN, "unparsing_mode": "Readable",
    });
    let (_, answer) = world.try_post(&format!("{SCRIPTS}/run_script_view"), &body).await;
    assert!(id(&answer).ends_with("viewedContractHasNoScript"), "{answer}");
}

#[tokio::test]
async fn bad_questions_name_what_is_wrong_and_where() {
    let world = world().await;
    for (name, body, place) in [
        ("run_code", json!(null), ".script: expected"),
        ("run_code", json!([1, 2]), ".script: expected"),
        ("run_code", run_code(json!({ "amount": -1 })), ".amount: expected"),
        ("run_code", run_code(json!({ "chain_id": "main" })), ".chain_id: expected"),
        ("run_code", run_code(json!({ "now": "soon" })), ".now: expected"),
        ("run_code", run_code(json!({ "level": "-3" })), ".level: expected"),
        ("run_code", run_code(json!({ "gas": "much" })), ".gas: expected"),
        ("run_code", run_code(json!({ "gas": "-1" })), ".gas: expected"),
        ("run_code", run_code(json!({ "unparsing_mode": "Pretty" })), ".unparsing_mode: expected"),
        ("run_code", run_code(json!({ "entrypoint": "x".repeat(40) })), ".entrypoint: expected"),
        ("run_code", run_code(json!({ "other_contracts": {} })), ".other_contracts: expected"),
        ("run_code", run_code(json!({ "storage": { "int": "two" } })), ".storage"),
        ("run_instruction", json!({ "code": [], "amount": "0", "chain_id": CHAIN }), ".input: expected"),
        ("run_script_view", json!({ "contract": ALICE }), ".contract: expected"),
        ("run_view", json!({}), ".contract: expected"),
        ("normalize_data", json!({ "data": expr("1"), "type": expr("nat") }), ".unparsing_mode: expected"),
        ("normalize_type", json!({ "type": { "prim": "nut" } }), ".type"),
        ("typecheck_code", json!({ "program": adder(), "gas": [] }), ".gas: expected"),
    ] {
        let (status, answer) = world.try_post(&format!("{SCRIPTS}/{name}"), &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name} {body}: {answer}");
        assert!(text(&answer[0]["msg"]).contains(place), "{name} {body}: {answer}");
    }
    // Text that is no JSON, nesting without end, and a body without end.
    for body in
        ["{\"script\": ".to_owned(), "[".repeat(200_000), "\"".to_owned() + &"a".repeat(3 << 20) + "\""]
    {
        let response = world.client().post(world.url(&format!("{SCRIPTS}/run_code"))).body(body).send().await;
        assert!(response.expect("an answer").status().is_client_error());
    }
    assert_eq!(world.get("/health/ready").await, json!({ "ready": true }));
}
