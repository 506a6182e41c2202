//! Who takes part: an honest operator, adversaries with a key and money of their own, and what they have.

use super::super::stage;
use crate::client::Session;
use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use soru_base::keys::Curve;
use soru_base::{Address, Contract, Json, Mutez, PublicKeyHash, SecretKey, blake2b};
use soru_dispute::Spec;
use soru_l1::{BlockId, Client};
use soru_protocol::operation::Action;

/// An account with a node.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) key: SecretKey,
    pub(super) address: PublicKeyHash,
    /// What it lies about, if it lies.
    pub(super) spec: Option<Spec>,
}

/// All who stake.
pub(super) struct Cast {
    pub(super) operator: Person,
    pub(super) adversaries: Vec<Person>,
}

/// What an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Purse {
    pub(super) spendable: Mutez,
    /// Frozen as bonds.
    pub(super) bonds: Mutez,
}

impl Cast {
    /// The operator is an account of every sandbox; the adversaries' keys follow from their numbers.
    pub(super) fn new(specs: &[Spec]) -> Result<Self> {
        let operator = Person::new("operator".to_owned(), stage::account("bootstrap2")?.sk(), None);
        let adversaries = specs
            .iter()
            .enumerate()
            .map(|(i, spec)| {
                let name = format!("adversary-{}", i + 1);
                let seed = blake2b::hash32(format!("soru demo dispute {name}").as_bytes());
                let key = SecretKey::from_seed(Curve::Ed25519, &seed)?;
                Ok(Person::new(name, key, Some(spec.clone())))
            })
            .collect::<Result<_>>()?;
        Ok(Self { operator, adversaries })
    }

    /// The operator first.
    pub(super) fn everybody(&self) -> impl Iterator<Item = &Person> {
        std::iter::once(&self.operator).chain(&self.adversaries)
    }

    /// A name for an address.
    pub(super) fn name(&self, address: PublicKeyHash) -> String {
        let known = self.everybody().find(|person| person.address == address);
        known.map_or_else(|| address.to_string(), |person| person.name.clone())
    }

    /// Gives every adversary that amount.
    pub(super) async fn fund(&self, user: &Session, amount: Mutez) -> Result<()> {
        let transfer = |person: &Person| Action::Transaction {
            amount,
            destination: Address::Contract(Contract::Implicit(person.address)),
            parameters: None,
        };
        let transfers = self.adversaries.iter().map(transfer).collect();
        user.run(transfers).await.map(|_| ()).context("cannot fund the adversaries")
    }
}

impl Person {
    fn new(name: String, key: SecretKey, spec: Option<Spec>) -> Self {
        let address = key.public_key().hash();
        Self { name, key, address, spec }
    }

    /// What it has now.
    pub(super) async fn purse(&self, client: &Client) -> Result<Purse> {
        let spendable = client.balance(BlockId::HEAD, self.address).await?;
        let path = format!("/chains/main/blocks/head/context/contracts/{}/frozen_bonds", self.address);
        let bonds = client.get(&path).await?;
        let bonds = Mutez::from_json(&bonds, client.family()).map_err(|e| anyhow!("{path}: {e}"))?;
        Ok(Purse { spendable, bonds })
    }
}

impl Purse {
    pub(super) fn to_json(self) -> Value {
        json!({ "spendable": self.spendable.0, "bonds": self.bonds.0 })
    }

    /// Both together.
    pub(super) fn total(self) -> Mutez {
        Mutez(self.spendable.0.saturating_add(self.bonds.0))
    }
}
