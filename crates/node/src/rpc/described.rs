//! What the tests of the RPC ask of the description: every answer that any of them gets is held against it.

use super::absent::ABSENT;
use super::route::{Answer, Route, matches, path_parameters};
use super::{WRITE_ROUTES, description, routes};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Panics unless an answer is one that the description has for that request.
pub(crate) fn check(verb: &str, path: &str, status: u16, body: &str) {
    let path = path.split('?').next().unwrap_or_default();
    let route = routes().into_iter().find(|r| r.verb.name() == verb && matches(r.path, path));
    if status != 200 {
        let value: Value =
            serde_json::from_str(body).unwrap_or_else(|e| panic!("{verb} {path}: {e}: {body}"));
        return valid(
            &json!({"$ref": "#/components/schemas/Errors"}),
            &value,
            &format!("{verb} {path} {status}"),
        );
    }
    let route = route.unwrap_or_else(|| panic!("{verb} {path} is served and not described"));
    let place = format!("{verb} {}", route.path);
    match route.answer {
        Answer::Text => (),
        Answer::Json(schema) => valid(&schema.to_json(), &serde_json::from_str(body).unwrap(), &place),
        Answer::Stream(schema) => {
            for line in body.lines() {
                valid(&schema.to_json(), &serde_json::from_str(line).unwrap(), &place);
            }
        }
    }
}

fn valid(schema: &Value, value: &Value, place: &str) {
    let mut schema = schema.clone();
    schema["components"] = description()["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|e| panic!("{place}: {e}"));
    let errors: Vec<String> =
        validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(
        errors.is_empty(),
        "{place} answered {value:#}\nwhich is not what it describes:\n{}",
        errors.join("\n")
    );
}

#[test]
fn what_is_served_is_described_and_the_other_way_round() {
    let described = description()["paths"].as_object().unwrap();
    let mut pairs: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, verbs) in described {
        for (verb, operation) in verbs.as_object().unwrap() {
            pairs.insert((verb.to_uppercase(), path.clone()));
            let named: Vec<&str> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|p| p["in"] == "path")
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            assert_eq!(named, path_parameters(path));
            assert!(!operation["description"].as_str().unwrap().is_empty(), "{path}");
        }
    }
    // The router is made of the same list; no two routes of it are the same.
    let served: Vec<Route> = routes();
    assert_eq!(served.len(), pairs.len());
    for route in &served {
        assert!(pairs.contains(&(route.verb.name().to_owned(), route.path.to_owned())), "{}", route.path);
    }
    let writes: BTreeSet<&str> = served.iter().filter(|r| r.writes).map(|r| r.path).collect();
    assert_eq!(writes, WRITE_ROUTES.into_iter().collect());
    // Whoever changes something is guarded; whoever is guarded is asked by something else than GET.
    for route in &served {
        assert_eq!(route.writes, route.verb.name() != "GET", "{}", route.path);
    }
}

#[test]
fn every_shape_that_is_referred_to_is_there_and_used() {
    let text = description().to_string();
    let shapes = description()["components"]["schemas"].as_object().unwrap();
    let mut used = BTreeSet::new();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(shapes.contains_key(name), "{name}");
        used.insert(name.to_owned());
    }
    let unused: Vec<&String> = shapes.keys().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
    for (name, shape) in shapes {
        jsonschema::meta::validate(shape).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// The routes of the network's rollup node, as its description at commit d26a8bef has them.
const NETWORK: &str = "\
    DELETE /admin/batcher/queue
    GET /admin/cancel_gc
    GET /admin/injector/queues
    DELETE /admin/injector/queues
    GET /admin/injector/queues/total
    GET /config
    GET /describe
    GET /global/block/{block_id}
    GET /global/block/{block_id}/committed_status
    GET /global/block/{block_id}/durable/wasm_2_0_0/length
    GET /global/block/{block_id}/durable/wasm_2_0_0/subkeys
    GET /global/block/{block_id}/durable/wasm_2_0_0/value
    GET /global/block/{block_id}/durable/wasm_2_0_0/values
    GET /global/block/{block_id}/hash
    GET /global/block/{block_id}/helpers/proofs/outbox/{level}/messages
    GET /global/block/{block_id}/inbox
    GET /global/block/{block_id}/level
    GET /global/block/{block_id}/num_messages
    GET /global/block/{block_id}/outbox
    GET /global/block/{block_id}/outbox/{level}/messages
    POST /global/block/{block_id}/simulate
    GET /global/block/{block_id}/state
    GET /global/block/{block_id}/state_current_level
    GET /global/block/{block_id}/state_hash
    GET /global/block/{block_id}/status
    GET /global/block/{block_id}/ticks
    GET /global/block/{block_id}/total_ticks
    GET /global/last_cemented_commitment
    GET /global/last_stored_commitment
    GET /global/monitor_blocks
    GET /global/monitor_finalized_blocks
    GET /global/smart_rollup_address
    GET /global/tezos_head
    GET /global/tezos_level
    GET /health
    POST /local/batcher/injection
    GET /local/batcher/queue
    GET /local/batcher/queue/{l2_message_id}
    GET /local/commitments/{commitment_hash}
    POST /local/dal/batcher/injection
    GET /local/dal/injected/operations/statuses
    POST /local/dal/injection/{injector_operation_hash}/forget
    POST /local/dal/slot/indices
    GET /local/gc_info
    GET /local/injector/operation/{injector_operation_hash}/status
    GET /local/last_published_commitment
    GET /local/outbox/pending
    GET /local/outbox/pending/executable
    GET /local/outbox/pending/unexecutable
    GET /local/synchronized
    GET /openapi
    GET /ping
    GET /stats/memory
    GET /stats/ocaml_gc
    GET /version";

#[test]
fn each_route_of_the_network_is_there_or_absent_with_a_reason() {
    let network: BTreeSet<String> = NETWORK.lines().map(|line| line.trim().to_owned()).collect();
    let ours: BTreeSet<String> = routes().iter().map(|r| format!("{} {}", r.verb.name(), r.path)).collect();
    let absent: BTreeSet<String> = ABSENT.iter().map(|a| format!("{} {}", a.verb, a.path)).collect();
    let missing: Vec<&String> = network.difference(&ours).collect();
    assert_eq!(missing, absent.iter().collect::<Vec<_>>());
    assert!(ABSENT.iter().all(|a| !a.why.is_empty()));
}

/// The tables of the book's page, as the code says them.
fn tables() -> String {
    let network: BTreeSet<&str> = NETWORK.lines().map(str::trim).collect();
    let mut out = String::from("| | path | answer |\n|---|---|---|\n");
    for route in routes() {
        let query: Vec<String> = route.query.iter().map(|p| format!("`?{}=`: {}", p.name, p.about)).collect();
        let about = [vec![route.about.to_owned()], query].concat().join(". ");
        let own = match network.contains(format!("{} {}", route.verb.name(), route.path).as_str()) {
            true => "",
            false => " *(Soru's own)*",
        };
        let guard = if route.writes { " *(guarded)*" } else { "" };
        let about = about.replace('|', "\\|");
        writeln!(out, "| {} | `{}` | {about}{guard}{own} |", route.verb.name(), route.path).unwrap();
    }
    out.push_str(
        "\nWhat the network's rollup node has and Soru's has not:\n\n| | path | why |\n|---|---|---|\n",
    );
    for absent in ABSENT {
        writeln!(out, "| {} | `{}` | {} |", absent.verb, absent.path, absent.why).unwrap();
    }
    out
}

/// `BLESS=1 cargo test -p soru-node the_book` writes the tables into the page.
#[test]
fn the_book_has_the_routes_of_the_code() {
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/reference/node-rpc.md");
    const BEGIN: &str = "<!-- routes: written by the tests of soru-node -->\n";
    const END: &str = "<!-- end of routes -->\n";
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the mark where the tables begin");
    let (found, after) = rest.split_once(END).expect("the mark where the tables end");
    let wanted = format!("\n{}\n", tables());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(PAGE, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, wanted, "the page is not what the code says: BLESS=1 writes it");
}
