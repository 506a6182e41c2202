//! Contracts that do all that contracts can do, called at random.

use super::Chain;
use super::contracts::call;
use super::harness::{account, pkh};
use crate::SignedOperation;
use crate::operation::{Action, Script};
use crate::receipt::{BalanceAccount, BalanceUpdate, Effect, OperationReceipt, OperationResult};
use proptest::prelude::*;
use soru_base::{Address, Binary, ContractHash, Mutez};
use soru_michelson::{Micheline, Prim};

/// Mints tickets, pays, makes contracts, copies a big map, tells events, indexes addresses.
const ZOO: &str = r#"
    parameter (or (or (unit %mint) (pair %pay address mutez))
                  (or (or (mutez %make) (unit %copy)) (or (nat %events) (address %index))));
    storage (pair (list (ticket string)) (pair (big_map string nat) (big_map string nat)));
    code { UNPAIR ;
           IF_LEFT
             { IF_LEFT
                 { DROP ; UNPAIR ; PUSH nat 5 ; PUSH string "t" ; TICKET ; ASSERT_SOME ; CONS ; PAIR ; NIL operation ; PAIR }
                 { UNPAIR ; CONTRACT unit ; ASSERT_SOME ; SWAP ; UNIT ; TRANSFER_TOKENS ; NIL operation ; SWAP ; CONS ; PAIR } }
             { IF_LEFT
                 { IF_LEFT
                     { UNIT ; SWAP ; NONE key_hash ;
                       CREATE_CONTRACT { parameter unit ; storage unit ; code { CDR ; NIL operation ; PAIR } } ;
                       DIP { DROP } ; NIL operation ; SWAP ; CONS ; PAIR }
                     { DROP ; UNPAIR ; SWAP ; CAR ; DUP ; PUSH (option nat) (Some 1) ; PUSH string "k" ; UPDATE ;
                       PAIR ; SWAP ; PAIR ; NIL operation ; PAIR } }
                 { IF_LEFT
                     { NIL operation ; SWAP ; INT ; DUP ; GT ;
                       LOOP { SWAP ; UNIT ; EMIT ; CONS ; SWAP ; PUSH int 1 ; SWAP ; SUB ; DUP ; GT } ;
                       DROP ; PAIR }
                     { INDEX_ADDRESS ; DROP ; NIL operation ; PAIR } } } }"#;

fn zoo(chain: &mut Chain) -> ContractHash {
    let storage = Micheline::prim(
        Prim::Pair,
        [Micheline::seq([]), Micheline::prim(Prim::Pair, [Micheline::seq([]), Micheline::seq([])])],
    );
    let script = Script { code: Micheline::parse_script(ZOO).unwrap(), storage };
    let action = Action::Origination { balance: Mutez(1_000_000), delegate: None, script };
    let Effect::Origination { originated_contracts, .. } = chain.done(1, action).effect else { panic!() };
    originated_contracts[0]
}

#[derive(Debug, Clone)]
enum Try {
    Mint,
    Pay(usize, u64),
    PayItself(u64),
    PayNobody(u64),
    Make(u64),
    Copy,
    Events(u64),
    Index(u8),
}

fn tries() -> impl Strategy<Value = Vec<Vec<Try>>> {
    let amount = || prop_oneof![Just(0), Just(1), 1u64..400_000, Just(5_000_000)];
    let what = prop_oneof![
        Just(Try::Mint),
        (1usize..6, amount()).prop_map(|(to, n)| Try::Pay(to, n)),
        amount().prop_map(Try::PayItself),
        amount().prop_map(Try::PayNobody),
        amount().prop_map(Try::Make),
        Just(Try::Copy),
        (0u64..40).prop_map(Try::Events),
        any::<u8>().prop_map(Try::Index),
    ];
    prop::collection::vec(prop::collection::vec(what, 1..4), 1..12)
}

fn action(zoo: ContractHash, what: &Try) -> Action {
    let address = |to: Address| Micheline::bytes(to.to_bytes());
    let pay =
        |to: Address, n: u64| call(zoo, "pay", Micheline::prim(Prim::Pair, [address(to), Micheline::int(n)]));
    match what {
        Try::Mint => call(zoo, "mint", Micheline::unit()),
        Try::Pay(to, n) => pay(pkh(*to).into(), *n),
        Try::PayItself(n) => pay(zoo.into(), *n),
        Try::PayNobody(n) => pay(super::harness::stranger(7).public_key().hash().into(), *n),
        Try::Make(n) => call(zoo, "make", Micheline::int(*n)),
        Try::Copy => call(zoo, "copy", Micheline::unit()),
        Try::Events(n) => call(zoo, "events", Micheline::int(*n)),
        Try::Index(byte) => call(zoo, "index", address(ContractHash([*byte; 20]).into())),
    }
}

/// All moves of tez that a receipt tells of.
fn moves(receipt: &OperationReceipt) -> Vec<&BalanceUpdate> {
    let mut moves = Vec::new();
    for content in &receipt.contents {
        moves.extend(&content.balance_updates);
        let results = std::iter::once(&content.result).chain(content.internal.iter().map(|i| &i.result));
        for result in results {
            if let OperationResult::Applied(success) = result {
                moves.extend(&success.balance_updates);
            }
        }
    }
    moves
}

fn play(tries: &[Vec<Try>]) -> (Chain, Vec<OperationReceipt>) {
    let mut chain = Chain::new();
    let zoo = zoo(&mut chain);
    let mut receipts = Vec::new();
    for (i, tries) in tries.iter().enumerate() {
        let who = 1 + i % 4;
        let before = chain.ledger.supply().unwrap();
        let operation = chain.operation(pkh(who), tries.iter().map(|what| action(zoo, what)).collect());
        let mut builder = chain.begin();
        let receipt = builder.apply(&SignedOperation::sign(operation, &account(who).sk())).unwrap();
        let after = builder.ledger().supply().unwrap();
        let moves = moves(&receipt);
        assert_eq!(moves.iter().map(|m| m.change).sum::<i64>(), 0, "{receipt:?}");
        let accounts = moves.iter().filter(|m| matches!(m.account, BalanceAccount::Contract(_)));
        let told: i64 = accounts.map(|m| m.change).sum();
        assert_eq!(after.accounts as i64 - before.accounts as i64, told, "{receipt:?}");
        chain.finish(builder);
        assert_eq!(chain.ledger.supply().unwrap().total(), before.total());
        receipts.push(receipt);
    }
    (chain, receipts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn receipts_add_up_and_the_same_calls_make_the_same_state(tries in tries()) {
        let ((one, told), (two, again)) = (play(&tries), play(&tries));
        prop_assert_eq!(told, again);
        prop_assert_eq!(one.ledger.context_hash().unwrap(), two.ledger.context_hash().unwrap());
    }
}

#[test]
fn a_contract_asks_for_as_many_operations_as_can_be_numbered() {
    let mut chain = Chain::new();
    let zoo = zoo(&mut chain);
    let mut events = |n: u64| {
        let mut operation = chain.operation(pkh(2), vec![call(zoo, "events", Micheline::int(n))]);
        operation.contents[0].gas_limit = 1_040_000;
        chain.run_signed(&SignedOperation::sign(operation, &account(2).sk())).unwrap()
    };
    let receipt = events(1_500);
    assert!(receipt.is_applied(), "{:?}", receipt.errors());
    assert_eq!(receipt.contents[0].internal.len(), 1_500);
    let ids = |receipt: OperationReceipt| -> Vec<String> {
        receipt.errors().iter().map(|e| e.id().trim_start_matches("proto.alpha.").to_owned()).collect()
    };
    assert_eq!(ids(events(65_536)), ["too_many_internal_operations"]);
}
