//! Smart rollups in the context of a block: originated, sent messages to, committed to, cemented, left.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soru_base::profile::ProfileName;
use soru_base::{IdFamily, Json, Level, StateHash, TickSpan};
use soru_michelson::{Micheline, Prim};
use soru_protocol::commitment::Commitment;
use soru_protocol::operation::{Action, PvmKind, SignedOperation};

pub(crate) const ALL: &str = "/chains/main/blocks/head/context/smart_rollups";

/// Injects an action, makes a block, and gives the result, which must be a success.
pub(crate) async fn run(world: &World, from: usize, action: Action) -> Value {
    let mut operation = world.operation(account(from), action).await;
    operation.contents[0].gas_limit = 100_000;
    operation.contents[0].storage_limit = 20_000;
    world.inject(&SignedOperation::sign(operation, &account(from).sk())).await;
    world.bake(1).await;
    let included = world.get("/chains/main/blocks/head/operations/3/0").await;
    let result = included["contents"][0]["metadata"]["operation_result"].clone();
    assert_eq!(result["status"], "applied", "{included}");
    result
}

/// The smallest kernel there is.
pub(crate) fn kernel() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/kernels/noop.wasm");
    std::fs::read(path).expect("a kernel of the vectors")
}

#[tokio::test]
async fn the_life_of_a_rollup() {
    life(ProfileName::Alpha, IdFamily::Alpha, "scr1").await;
    life(ProfileName::Mainnet, IdFamily::Mainnet, "sr1").await;
}

async fn life(profile: ProfileName, family: IdFamily, prefix: &str) {
    let world = world_with(|config| {
        config.profile = profile;
        for (name, value) in [("commitment_period", "3"), ("challenge_window", "4")] {
            config.overrides.push((format!("smart_rollup_{name}_in_blocks"), value.to_owned()));
        }
    })
    .await;
    let originate = Action::SmartRollupOriginate {
        pvm_kind: PvmKind::Wasm2_0_0,
        kernel: kernel(),
        parameters_ty: Micheline::atom(Prim::string),
        whitelist: None,
    };
    let originated = run(&world, 1, originate).await;
    let address = text(&originated["address"]).to_owned();
    assert!(address.starts_with(prefix), "{address}");
    let path = format!("{ALL}/smart_rollup/{address}");
    assert_eq!(world.get(&format!("{ALL}/all")).await, json!([address]));
    assert_eq!(world.get(&format!("{path}/kind")).await, json!("wasm_2_0_0"));
    assert_eq!(world.get(&format!("{path}/type")).await, json!({ "prim": "string" }));
    let genesis = originated["genesis_commitment_hash"].clone();
    assert_eq!(
        world.get(&format!("{path}/genesis_info")).await,
        json!({ "level": 1, "commitment_hash": genesis })
    );
    let cemented = format!("{path}/last_cemented_commitment_hash_with_level");
    assert_eq!(world.get(&cemented).await, json!({ "hash": genesis, "level": 1 }));
    assert_eq!(world.get(&format!("{path}/whitelist")).await, Value::Null);

    let inbox = world.get(&format!("{ALL}/all/inbox")).await;
    assert_eq!(inbox["level"], 1);
    run(&world, 2, Action::SmartRollupAddMessages { messages: vec![b"hello".to_vec(), vec![]] }).await;
    assert_ne!(
        world.get(&format!("{ALL}/all/inbox")).await["old_levels_messages"],
        inbox["old_levels_messages"]
    );

    world.bake(3).await;
    let rollup = address.parse().expect("an address");
    let commitment = Commitment {
        compressed_state: StateHash([5; 32]),
        inbox_level: Level::new(4).expect("a level"),
        predecessor: text(&genesis).parse().expect("a commitment's hash"),
        number_of_ticks: TickSpan(9),
    };
    let published = run(&world, 3, Action::SmartRollupPublish { rollup, commitment }).await;
    let hash = published["staked_hash"].clone();
    assert_eq!(hash, commitment.hash().to_json(family));
    let staker = account(3).public_key_hash;
    assert_eq!(world.get(&format!("{path}/commitment/{}", text(&hash))).await, commitment.to_json(family));
    assert_eq!(world.get(&format!("{path}/inbox_level/4/commitments")).await, json!([hash]));
    assert_eq!(world.get(&format!("{path}/inbox_level/7/commitments")).await, Value::Null);
    assert_eq!(world.get(&format!("{path}/stakers")).await, json!([staker]));
    let index = world.get(&format!("{path}/staker/{staker}/index")).await;
    assert_eq!(
        world.get(&format!("{path}/commitment/{}/stakers_indexes", text(&hash))).await,
        json!([index])
    );
    let staked = world.get(&format!("{path}/staker/{staker}/staked_on_commitment")).await;
    assert_eq!((&staked["hash"], &staked["inbox_level"]), (&hash, &json!(4)));
    let other = account(4).public_key_hash;
    for (part, expected) in
        [("staked_on_commitment", "smart_rollup_not_staked"), ("index", "context.storage_error")]
    {
        let (status, answer) = world.try_get(&format!("{path}/staker/{other}/{part}")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{part}");
        assert!(id(&answer).ends_with(expected), "{answer}");
    }
    let frozen = format!("/chains/main/blocks/head/context/contracts/{staker}/frozen_bonds");
    assert_eq!(world.get(&frozen).await, json!("10000000000"));

    // Published at level 6, cemented from level 10 on.
    let can = format!("{path}/commitment/{}/can_be_cemented", text(&hash));
    world.bake(3).await;
    assert_eq!((world.level().await, world.get(&can).await), (9, json!(false)));
    world.bake(1).await;
    assert_eq!(world.get(&can).await, json!(true));
    run(&world, 4, Action::SmartRollupCement { rollup }).await;
    assert_eq!(world.get(&cemented).await, json!({ "hash": hash, "level": 4 }));
    assert_eq!(world.get(&can).await, json!(false));
    assert_eq!(world.get(&format!("{path}/consumed_outputs/4")).await, json!([]));
    // What was cemented is not staked on any more.
    assert_eq!(world.get(&format!("{path}/staker/{staker}/staked_on_commitment")).await, Value::Null);
    let (status, answer) = world.try_get(&format!("{path}/commitment/{}/stakers_indexes", text(&hash))).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(id(&answer).ends_with("context.storage_error"), "{answer}");
    run(&world, 5, Action::SmartRollupRecoverBond { rollup, staker: account(3).pkh() }).await;
    assert_eq!(world.get(&frozen).await, json!("0"));
    assert_eq!(world.get(&format!("{path}/stakers")).await, json!([]));
}

/// As on the network: errors where something must be there, and nothing where there may be nothing.
#[tokio::test]
async fn unknown_rollups_are_named() {
    let world = world().await;
    let nobody = soru_base::RollupAddress([7; 20]).in_family(IdFamily::Alpha);
    let staker = account(1).public_key_hash;
    let hash = soru_base::CommitmentHash([7; 32]).in_family(IdFamily::Alpha);
    for (part, expected) in [
        ("kind".to_owned(), "smart_rollup_does_not_exist"),
        ("genesis_info".to_owned(), "smart_rollup_does_not_exist"),
        ("last_cemented_commitment_hash_with_level".to_owned(), "smart_rollup_does_not_exist"),
        (format!("commitment/{hash}"), "smart_rollup_does_not_exist"),
        (format!("commitment/{hash}/stakers_indexes"), "context.storage_error"),
        (format!("staker/{staker}/index"), "context.storage_error"),
        (format!("staker/{staker}/staked_on_commitment"), "smart_rollup_not_staked"),
    ] {
        let (status, answer) = world.try_get(&format!("{ALL}/smart_rollup/{nobody}/{part}")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{part}");
        assert_eq!(id(&answer), format!("proto.alpha.{expected}"), "{answer}");
    }
    let other = account(2).public_key_hash;
    for (part, expected) in [
        ("whitelist".to_owned(), Value::Null),
        ("inbox_level/3/commitments".to_owned(), Value::Null),
        ("consumed_outputs/3".to_owned(), json!([])),
        ("stakers".to_owned(), json!([])),
        (format!("commitment/{hash}/can_be_cemented"), json!(false)),
        (format!("staker/{staker}/games"), json!([])),
        (format!("staker/{staker}/conflicts"), json!([])),
        (format!("staker1/{staker}/staker2/{other}/timeout"), Value::Null),
        (format!("staker1/{staker}/staker2/{staker}/timeout"), Value::Null),
        (format!("staker1/{staker}/staker2/{other}/timeout_reached"), Value::Null),
    ] {
        assert_eq!(world.get(&format!("{ALL}/smart_rollup/{nobody}/{part}")).await, expected, "{part}");
    }
    for part in ["smart_rollup/tz1/kind".to_owned(), format!("smart_rollup/{nobody}/staker/scr1/games")] {
        let (status, answer) = world.try_get(&format!("{ALL}/{part}")).await;
        assert_eq!((status, id(&answer)), (StatusCode::BAD_REQUEST, "rpc.bad_request"));
    }
}
