//! Contracts in the context of a block.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soru_base::{Entrypoint, Mutez};
use soru_michelson::{Micheline, Source};
use soru_protocol::operation::{Action, Parameters, Script, SignedOperation};

/// Remembers numbers by name, and the last one who put one.
const CODE: &str = "
    parameter (or (pair %put string nat) (unit %forget));
    storage (pair (big_map string nat) (option address));
    code { UNPAIR;
           IF_LEFT { UNPAIR; DIP { SOME }; DIP 2 { CAR }; UPDATE; SENDER; SOME; SWAP; PAIR }
                   { DROP; CAR; NONE address; SWAP; PAIR };
           NIL operation; PAIR }";

async fn run(world: &World, action: Action) -> Value {
    let operation = world.operation(account(1), action).await;
    world.inject(&SignedOperation::sign(operation, &account(1).sk())).await;
    world.bake(1).await;
    let included = world.get("/chains/main/blocks/head/operations/3/0").await;
    included["contents"][0]["metadata"]["operation_result"].clone()
}

fn micheline(text: &str) -> Micheline {
    Source::expression(text).expect("an expression").node
}

#[tokio::test]
async fn a_contract_is_made_called_and_read() {
    let world = world().await;
    let script =
        Script { code: Source::script(CODE).expect("a script").node, storage: micheline("Pair {} None") };
    let made = run(&world, Action::Origination { balance: Mutez(3), delegate: None, script }).await;
    assert_eq!(made["status"], "applied", "{made}");
    let address = text(&made["originated_contracts"][0]).to_owned();
    let path = format!("/chains/main/blocks/head/context/contracts/{address}");

    let entrypoints = world.get(&format!("{path}/entrypoints")).await;
    let put = json!({ "prim": "pair", "args": [{ "prim": "string" }, { "prim": "nat" }] });
    assert_eq!(entrypoints, json!({ "entrypoints": { "forget": { "prim": "unit" }, "put": put } }));
    assert_eq!(world.get(&format!("{path}/entrypoints/put")).await, put);
    let whole = world.get(&format!("{path}/entrypoints/default")).await;
    assert_eq!(whole["args"][1]["annots"], json!(["%forget"]));
    let (status, _) = world.try_get(&format!("{path}/entrypoints/take")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let call = Action::Transaction {
        amount: Mutez(0),
        destination: address.parse().expect("an address"),
        parameters: Some(Parameters {
            entrypoint: Entrypoint::new("put").expect("a name"),
            value: micheline("Pair \"seven\" 7"),
        }),
    };
    let called = run(&world, call).await;
    assert_eq!(called["status"], "applied", "{called}");
    let storage = world.get(&format!("{path}/storage")).await;
    // Addresses are told as texts, big maps by their number.
    let id = text(&storage["args"][0]["int"]).to_owned();
    assert_eq!(storage["args"][1]["args"][0], json!({ "string": account(1).public_key_hash }));
    // As a wallet looks a value up: the hash of the packed key.
    let body = json!({ "data": { "string": "seven" }, "type": { "prim": "string" } });
    let packed = world.post("/chains/main/blocks/head/helpers/scripts/pack_data", body).await;
    let bytes = hex::decode(text(&packed["packed"])).expect("hexadecimal");
    let key = soru_base::ScriptExprHash(soru_base::blake2b::hash32(&bytes));
    let big_maps = "/chains/main/blocks/head/context/big_maps";
    assert_eq!(world.get(&format!("{big_maps}/{id}/{key}")).await, json!({ "int": "7" }));
    let (status, _) = world.try_get(&format!("{big_maps}/77/{key}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // In the forms that are asked for.
    let readable = json!({ "unparsing_mode": "Readable" });
    assert_eq!(world.post(&format!("{path}/storage/normalized"), readable.clone()).await, storage);
    let optimized = json!({ "unparsing_mode": "Optimized" });
    let normalized = world.post(&format!("{path}/storage/normalized"), optimized.clone()).await;
    assert!(normalized["args"][1]["args"][0]["bytes"].is_string(), "{normalized}");
    let script = world.post(&format!("{path}/script/normalized"), optimized.clone()).await;
    assert_eq!(script["storage"], normalized);
    let normalized = world.post(&format!("{big_maps}/{id}/{key}/normalized"), optimized).await;
    assert_eq!(normalized, json!({ "int": "7" }));
    assert_eq!(world.get(&format!("{big_maps}/{id}")).await, json!([{ "int": "7" }]));
    assert_eq!(world.get(&format!("{big_maps}/{id}?offset=1&length=5")).await, json!([]));
    let asked = json!({ "key": { "string": "seven" }, "type": { "prim": "string" } });
    assert_eq!(world.post(&format!("{path}/big_map_get"), asked).await, json!({ "int": "7" }));
    for (path, body) in [
        (format!("{big_maps}/77"), Value::Null),
        (format!("{big_maps}/{id}?offset=-1"), Value::Null),
        (format!("{path}/storage/normalized"), json!({})),
        (format!("{path}/big_map_get"), json!({ "key": 1 })),
    ] {
        let (status, answer) = match body {
            Value::Null => world.try_get(&path).await,
            body => world.try_post(&path, &body).await,
        };
        assert!(status.is_client_error(), "{path}: {answer}");
    }
    let info = world.get(&path).await;
    assert_eq!(info["balance"], "3");
    assert_eq!(info["script"], world.get(&format!("{path}/script")).await);
    assert_eq!(info["script"]["storage"], storage);
    let all = world.get("/chains/main/blocks/head/context/contracts").await;
    assert!(all.as_array().expect("an array").contains(&json!(address)));
    // Before it was made, it was not there.
    let (status, _) = world.try_get(&path.replace("head", "1")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = world.try_get(&path.replace("head", "0")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn accounts_and_contracts_have_different_parts() {
    let world = world().await;
    let contracts = "/chains/main/blocks/head/context/contracts";
    let pkh = account(1).public_key_hash;
    for part in ["script", "storage", "entrypoints", "delegate"] {
        let (status, answer) = world.try_get(&format!("{contracts}/{pkh}/{part}")).await;
        assert_eq!((status, id(&answer)), (StatusCode::NOT_FOUND, "rpc.not_found"), "{part}");
    }
    let empty = soru_base::PublicKeyHash::new(soru_base::Curve::P256, [7; 20]);
    assert_eq!(world.get(&format!("{contracts}/{empty}/balance")).await, json!("0"));
    assert_eq!(world.get(&format!("{contracts}/{empty}/manager_key")).await, Value::Null);
    let info = world.get(&format!("{contracts}/{empty}")).await;
    assert_eq!(info, json!({ "balance": "0", "counter": "0", "revealed": false }));
    let nobody = soru_base::ContractHash([7; 20]);
    for part in ["", "/balance", "/script", "/storage", "/counter"] {
        let (status, _) = world.try_get(&format!("{contracts}/{nobody}{part}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{part}");
    }
    let (status, answer) = world.try_get(&format!("{contracts}/somebody")).await;
    assert_eq!((status, id(&answer)), (StatusCode::BAD_REQUEST, "rpc.bad_request"));
}
