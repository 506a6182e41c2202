use super::Chain;
use super::harness::{account, add_messages, cement, originate, pkh, publish, recover, transfer};
use crate::operation::Action;
use proptest::prelude::*;
use soru_base::RollupAddress;

/// Something a user may try: most of it makes sense at some time only.
#[derive(Debug, Clone)]
enum Try {
    Transfer(usize, u64),
    Messages(Vec<u8>),
    Originate,
    Publish(u8),
    Cement,
    Recover(usize),
    Wait(u8),
}

fn tries() -> impl Strategy<Value = Vec<(usize, Try)>> {
    let what = prop_oneof![
        (1usize..6, prop_oneof![Just(0), 1u64..1_000_000_000, Just(u64::MAX >> 1), Just(2_999_999_998_000)])
            .prop_map(|(to, amount)| Try::Transfer(to, amount)),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Try::Messages),
        Just(Try::Originate),
        (0u8..2).prop_map(Try::Publish),
        Just(Try::Cement),
        (1usize..6).prop_map(Try::Recover),
        (1u8..6).prop_map(Try::Wait),
    ];
    prop::collection::vec((1usize..6, what), 1..40)
}

fn play(tries: &[(usize, Try)]) -> Chain {
    let mut chain = Chain::new();
    let first = chain.originate();
    let all = chain.ledger.supply().unwrap().total();
    for (who, what) in tries {
        // The rollup that was made last is played with.
        let rollup = *chain.ledger.rollups().unwrap().last().unwrap_or(&first);
        let action = match what {
            Try::Transfer(to, amount) => transfer(pkh(*to), *amount),
            Try::Messages(bytes) => add_messages(&[bytes]),
            Try::Originate => originate(),
            Try::Publish(state) => next_commitment(&chain, &rollup, *state),
            Try::Cement => cement(rollup),
            Try::Recover(staker) => recover(rollup, *staker),
            Try::Wait(blocks) => {
                chain.bake_to(chain.level().get() + u32::from(*blocks));
                continue;
            }
        };
        let mut operation = chain.operation(pkh(*who), vec![action]);
        operation.contents[0].fee = soru_base::Mutez(700);
        // Accounts that gave everything away are refused: that is fine, too.
        let _ = chain.run_signed(&crate::SignedOperation::sign(operation, &account(*who).sk()));
        assert_eq!(chain.ledger.supply().unwrap().total(), all, "after {what:?}");
    }
    chain
}

fn next_commitment(chain: &Chain, rollup: &RollupAddress, state: u8) -> Action {
    let mut tip = chain.lcc(rollup);
    for known in chain.ledger.commitments(rollup).unwrap() {
        if known.commitment.predecessor == tip && known.published_at.is_some() {
            tip = known.hash;
        }
    }
    publish(*rollup, chain.on(rollup, tip, state))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_tez_appears_or_vanishes_and_the_same_operations_make_the_same_state(tries in tries()) {
        let (one, two) = (play(&tries), play(&tries));
        prop_assert_eq!(one.ledger.context_hash().unwrap(), two.ledger.context_hash().unwrap());
    }
}

/// Tickets that nobody has, of types that make sense or do not.
fn any_ticket_transfer() -> impl Strategy<Value = Action> {
    use num_bigint::BigUint;
    use soru_base::{Contract, ContractHash, Entrypoint};
    use soru_michelson::{Micheline, Prim};
    let contract = || prop_oneof![Just(Contract::from(ContractHash::ZERO)), Just(Contract::from(pkh(2)))];
    let amount = prop_oneof![
        Just(BigUint::ZERO),
        Just(BigUint::from(1u32)),
        (0u64..4_000).prop_map(|bits| BigUint::from(1u32) << bits),
    ];
    let ty = prop_oneof![Just(Prim::nat), Just(Prim::unit), Just(Prim::operation), Just(Prim::Unit)];
    let contents = prop_oneof![any::<i64>().prop_map(Micheline::int), Just(Micheline::unit())];
    let entrypoint = prop_oneof![Just("default"), Just("take")];
    (contents, ty, contract(), amount, contract(), entrypoint).prop_map(
        |(contents, ty, ticketer, amount, destination, entrypoint)| Action::TransferTicket {
            contents,
            ty: Micheline::atom(ty),
            ticketer,
            amount,
            destination,
            entrypoint: Entrypoint::new(entrypoint).unwrap(),
        },
    )
}

/// Any action, with numbers from the edges.
fn any_action() -> impl Strategy<Value = Action> {
    use crate::commitment::Commitment;
    use soru_base::{CommitmentHash, ContractHash, Level, Mutez, StateHash, TickSpan};
    let number = || prop_oneof![Just(0u64), Just(1), Just(u64::MAX), Just(i64::MAX as u64), any::<u64>()];
    let level = || {
        prop_oneof![Just(Level::GENESIS), Just(Level::MAX), (0u32..40).prop_map(|l| Level::new(l).unwrap())]
    };
    let rollup =
        || any::<bool>().prop_map(|zero| if zero { RollupAddress::ZERO } else { RollupAddress([0xff; 20]) });
    prop_oneof![
        (number(), rollup()).prop_map(|(n, r)| Action::Transaction {
            amount: Mutez(n),
            destination: r.into(),
            parameters: None
        }),
        number().prop_map(|n| transfer(ContractHash::ZERO, n)),
        number().prop_map(|n| transfer(pkh(2), n)),
        number()
            .prop_map(|n| Action::IncreasePaidStorage { amount: n.into(), destination: ContractHash::ZERO }),
        (level(), number(), rollup()).prop_map(|(inbox_level, n, rollup)| Action::SmartRollupPublish {
            rollup,
            commitment: Commitment {
                compressed_state: StateHash::ZERO,
                inbox_level,
                predecessor: CommitmentHash::ZERO,
                number_of_ticks: TickSpan(n),
            },
        }),
        (rollup(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(rollup, output_proof)| {
            Action::SmartRollupExecuteOutboxMessage {
                rollup,
                cemented_commitment: CommitmentHash::ZERO,
                output_proof,
            }
        }),
        rollup().prop_map(|rollup| Action::SmartRollupRecoverBond { rollup, staker: pkh(1) }),
        rollup().prop_map(cement),
        any_ticket_transfer(),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5_000), 0..4)
            .prop_map(|messages| Action::SmartRollupAddMessages { messages }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_operation_panics(actions in prop::collection::vec(any_action(), 1..4), fee: u64, gas: u64, storage: u64) {
        let mut chain = Chain::new();
        let all = chain.ledger.supply().unwrap().total();
        let mut operation = chain.operation(pkh(1), actions);
        let _ = chain.ledger.simulate(chain.context(), &operation);
        let fees = [fee, fee % 10_000];
        for (i, content) in operation.contents.iter_mut().enumerate() {
            content.fee = soru_base::Mutez(fees[usize::from(storage % 2 == 0) & i.max(1)]);
            content.gas_limit = if gas % 3 == 0 { gas } else { gas % 100_000 };
            content.storage_limit = storage % 70_000;
        }
        let _ = chain.run_signed(&crate::SignedOperation::sign(operation, &account(1).sk()));
        prop_assert_eq!(chain.ledger.supply().unwrap().total(), all);
    }
}
