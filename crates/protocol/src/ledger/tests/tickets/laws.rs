//! Laws: tickets come from their maker alone, and are otherwise moved or burnt.

use super::super::harness::account;
use super::*;
use crate::ledger::apply::Run;
use crate::ledger::error::{Failure, ProtocolError};
use crate::ledger::gas::Meter;
use crate::outbox::{OutboxMessage, OutboxTransaction};
use proptest::prelude::*;
use soru_base::{OperationHash, OriginationNonce, RollupAddress};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody may try with tickets.
#[derive(Debug, Clone)]
enum Try {
    Mint(usize, u64),
    Burn(usize, usize),
    /// From a wallet to anybody.
    Give(usize, usize, u64, usize),
    /// From an account to anybody.
    Send(usize, usize, u64, usize),
    /// From the rollup to wallets, in one message.
    Withdraw(Vec<(usize, u64, usize)>),
}

/// Wallets 0 and 1, accounts 2 and 3, the rollup 4.
const OWNERS: usize = 5;

struct World {
    chain: Chain,
    wallets: [ContractHash; 2],
    rollup: RollupAddress,
    /// What should be owned: by owner and by the wallet that made it.
    model: BTreeMap<(usize, usize), u64>,
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new();
        let wallets = [wallet(&mut chain, Keeps::InBigMap), wallet(&mut chain, Keeps::InMap)];
        let ty = Micheline::prim(Prim::ticket, [Micheline::atom(Prim::string)]);
        let rollup = super::super::life::Life::of_type(chain, wallets[0], ty);
        let (chain, rollup) = (rollup.chain, rollup.rollup);
        Self { chain, wallets, rollup, model: BTreeMap::new() }
    }

    fn owner(&self, i: usize) -> Address {
        match i {
            0 | 1 => self.wallets[i].into(),
            2 | 3 => pkh(i).into(),
            _ => self.rollup.into(),
        }
    }

    fn has(&self, owner: usize, maker: usize) -> u64 {
        self.model.get(&(owner, maker)).copied().unwrap_or_default()
    }

    fn add(&mut self, owner: usize, maker: usize, change: i64) {
        let entry = self.model.entry((owner, maker)).or_default();
        *entry = entry.checked_add_signed(change).unwrap();
    }

    /// Does it, and says whether the model takes it as well.
    fn play(&mut self, what: &Try) -> (bool, bool) {
        match what {
            Try::Mint(maker, amount) => {
                let applied = self.run(2, mint(self.wallets[*maker], *amount));
                if *amount > 0 {
                    self.add(*maker, *maker, *amount as i64);
                }
                (applied, *amount > 0)
            }
            Try::Burn(owner, maker) => {
                let applied = self.run(3, burn(self.wallets[*owner], self.wallets[*maker]));
                self.model.remove(&(*owner, *maker));
                (applied, true)
            }
            Try::Give(from, maker, amount, to) => {
                let target = if *to < 2 { take(self.wallets[*to]) } else { address(self.owner(*to)) };
                let applied = self.run(2, give(self.wallets[*from], self.wallets[*maker], *amount, target));
                (applied, self.moved(*from, *maker, *amount, *to))
            }
            Try::Send(from, maker, amount, to) => {
                let entrypoint = if *to < 2 { "take" } else { "default" };
                let Address::Contract(target) = self.owner(*to) else { return (false, false) };
                let action = transfer_ticket(self.wallets[*maker], *amount, target, entrypoint);
                let applied = self.run(*from, action);
                (applied, self.moved(*from, *maker, *amount, *to))
            }
            Try::Withdraw(orders) => {
                let applied = self.withdraw(orders);
                let before = self.model.clone();
                let expected = orders.iter().all(|(maker, amount, to)| self.moved(4, *maker, *amount, *to));
                if !expected {
                    self.model = before;
                }
                (applied, expected)
            }
        }
    }

    fn moved(&mut self, from: usize, maker: usize, amount: u64, to: usize) -> bool {
        let possible = amount > 0 && amount <= self.has(from, maker);
        if possible {
            self.add(from, maker, -(amount as i64));
            self.add(to, maker, amount as i64);
        }
        possible
    }

    fn run(&mut self, who: usize, action: Action) -> bool {
        let operation = self.chain.operation(pkh(who), vec![action]);
        let signed = crate::SignedOperation::sign(operation, &account(who).sk());
        self.chain.run_signed(&signed).is_ok_and(|receipt| receipt.is_applied())
    }

    /// Executes an outbox message without asking for its proof.
    fn withdraw(&mut self, orders: &[(usize, u64, usize)]) -> bool {
        let transactions = orders.iter().map(|(maker, amount, to)| OutboxTransaction {
            parameters: ticket(self.wallets[*maker], *amount),
            destination: self.wallets[*to],
            entrypoint: named("take"),
        });
        let message = OutboxMessage::AtomicTransactionBatch(transactions.collect());
        let mut builder = self.chain.begin();
        let context = self.chain.context();
        let mut run = Run {
            context: &context,
            payer: pkh(1),
            nonce: OriginationNonce::new(OperationHash::ZERO),
            next_call: 0,
            done: BTreeSet::new(),
            temporary: 0,
            gas: Meter::new(100_000),
        };
        let before = builder.state.clone();
        let given = match builder.state.ledger.take_orders(&mut run, &self.rollup, message) {
            Ok(given) => given,
            Err(Failure::Rule(_)) => return false,
            Err(Failure::Storage(error)) => panic!("{error}"),
        };
        let (_, done) = builder.state.apply_calls(&mut run, given.calls).unwrap();
        if !done {
            builder.state = before;
        }
        self.chain.finish(builder);
        done
    }

    fn check(&self) {
        for maker in 0..2 {
            for owner in 0..OWNERS {
                let found = owned(&self.chain, self.owner(owner), self.wallets[maker]);
                assert_eq!(found, self.has(owner, maker), "what {owner} owns of {maker}");
            }
        }
        // What contracts write into their storage is what the ledger says that they own.
        for (i, wallet) in self.wallets.iter().enumerate() {
            let stored = self.chain.ledger.stored_tickets(wallet).unwrap().unwrap();
            let of = |maker: usize| {
                let found = stored.iter().find(|(t, _)| t.ticketer == self.wallets[maker].into());
                found.map_or(0, |(_, n)| u64::try_from(n.clone()).unwrap())
            };
            assert_eq!([of(0), of(1)], [self.has(i, 0), self.has(i, 1)]);
        }
        let (used, paid) = self.chain.ledger.ticket_storage().unwrap();
        let size = |n: u64| match n {
            0 => 0,
            1..64 => 66,
            _ => 67,
        };
        assert_eq!(used, self.model.values().map(|n| size(*n)).sum::<u64>());
        assert!(used <= paid);
    }
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let amount = || prop_oneof![Just(0u64), 1u64..6, Just(40)];
    let maker = || 0usize..2;
    let what = prop_oneof![
        3 => (maker(), amount()).prop_map(|(m, n)| Try::Mint(m, n)),
        1 => (0usize..2, maker()).prop_map(|(o, m)| Try::Burn(o, m)),
        5 => (0usize..2, maker(), amount(), 0..OWNERS).prop_map(|(f, m, n, t)| Try::Give(f, m, n, t)),
        3 => (2usize..4, maker(), amount(), 0usize..4).prop_map(|(f, m, n, t)| Try::Send(f, m, n, t)),
        3 => prop::collection::vec((maker(), amount(), 0usize..2), 1..4).prop_map(Try::Withdraw),
    ];
    prop::collection::vec(what, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn tickets_are_made_by_their_maker_and_moved_by_their_owner_alone(tries in tries()) {
        let mut world = World::new();
        for what in tries {
            let (applied, expected) = world.play(&what);
            prop_assert_eq!(applied, expected, "{:?}", what);
            world.check();
        }
    }
}

/// What no well typed contract can do is refused, too: the books do not trust the language.
#[test]
fn books_that_do_not_add_up_are_refused() {
    use crate::ledger::tickets::{Kept, Sent, Tokens};
    let world = World::new();
    let [one, two] = world.wallets;
    let book = |kept: i64, sent: i64| {
        let mut ledger = world.chain.ledger.clone();
        let mut change = Tokens::default();
        change.add(token(one), &kept.into());
        let kept = Kept { stored: Tokens::default(), change };
        let to = vec![(Address::from(pkh(3)), sent.into())];
        let sent = Sent { token: token(one), total: sent.into(), to };
        let mut of = |contract: ContractHash| match ledger.book_tickets(
            &contract,
            &kept,
            std::slice::from_ref(&sent),
            &mut Meter::new(1_000),
        ) {
            Ok(_) => None,
            Err(Failure::Rule(trace)) => trace.first().cloned(),
            Err(Failure::Storage(error)) => panic!("{error}"),
        };
        (of(one), of(two))
    };
    let invalid = |amount: i64| {
        Some(ProtocolError::InvalidTicketTransfer { ticketer: one.into(), amount: amount.into() })
    };
    // Its maker may make and send any number; nobody else may.
    assert_eq!(book(3, 5), (None, invalid(3)));
    assert_eq!(book(0, 5), (None, invalid(5)));
    let report = invalid(5).unwrap().report(soru_base::IdFamily::Alpha).0;
    let expected = serde_json::json!({
        "kind": "permanent", "id": "proto.alpha.invalid_ticket_transfer", "ticketer": one.to_string(), "amount": "5",
    });
    assert_eq!(report, expected);
    // Who has none cannot give any.
    assert!(matches!(book(-2, 2).1, Some(ProtocolError::NegativeTicketBalance { .. })));
}
