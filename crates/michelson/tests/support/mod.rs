//! A chain made of tables, and shorthands.
#![allow(dead_code, unreachable_pub, reason = "every test uses a part of it")]

use num_bigint::BigInt;
use soru_base::{Address, ChainId, ContractHash, Level, Mutez, PublicKeyHash, RollupAddress, ScriptExprHash};
use soru_michelson::interpret::{BigMapAction, BigMapDiff, ChainError, ViewTarget};
use soru_michelson::typecheck::{After, fragment};
use soru_michelson::{Chain, Context, Form, Gas, Micheline, Prim, Reading, RunError, Type, TypeError, Value};
use std::collections::BTreeMap;

pub const SELF: &str = "KT19DviPEGswtEDqDpDWxoBbMqCSUj73RBdk";
pub const OTHER: &str = "KT1FzkvNzqC3uQE3B561mbkAwQu4C7rWGC3s";
pub const ACCOUNT: &str = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";
pub const ROLLUP: &str = "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF";

#[derive(Clone)]
pub struct StoredBigMap {
    pub types: (Type, Type),
    pub bindings: BTreeMap<ScriptExprHash, Micheline>,
}

#[derive(Default, Clone)]
pub struct Tables {
    pub parameters: BTreeMap<Address, Micheline>,
    pub views: BTreeMap<ContractHash, ViewTarget>,
    pub big_maps: BTreeMap<BigInt, StoredBigMap>,
    pub indices: BTreeMap<Address, u64>,
    pub contracts_made: u8,
    pub maps_made: i64,
    pub nonces: u16,
}

impl Tables {
    pub fn parameter(mut self, address: &str, ty: &str) -> Self {
        self.parameters.insert(address.parse().unwrap(), parse(ty));
        self
    }

    /// Does to the tables what a run asks for.
    pub fn apply(&mut self, diffs: &[BigMapDiff]) {
        for diff in diffs {
            let map = match &diff.action {
                BigMapAction::Remove => {
                    self.big_maps.remove(&diff.id);
                    continue;
                }
                BigMapAction::Alloc { key_type, value_type } => {
                    StoredBigMap { types: (key_type.clone(), value_type.clone()), bindings: BTreeMap::new() }
                }
                BigMapAction::Copy { source } => self.big_maps[source].clone(),
                BigMapAction::Update => self.big_maps[&diff.id].clone(),
            };
            self.big_maps.insert(diff.id.clone(), map);
            let bindings = &mut self.big_maps.get_mut(&diff.id).unwrap().bindings;
            for update in &diff.updates {
                match &update.value {
                    Some(value) => bindings.insert(update.key_hash, value.clone()),
                    None => bindings.remove(&update.key_hash),
                };
            }
        }
    }
}

impl Chain for Tables {
    fn parameter_type(&self, address: &Address) -> Result<Option<Micheline>, ChainError> {
        Ok(self.parameters.get(address).cloned())
    }
    fn big_map_types(&self, id: &BigInt) -> Result<Option<(Type, Type)>, ChainError> {
        Ok(self.big_maps.get(id).map(|map| map.types.clone()))
    }
    fn big_map_get(&self, id: &BigInt, key: &ScriptExprHash) -> Result<Option<Micheline>, ChainError> {
        let map = self.big_maps.get(id).ok_or("no such big map")?;
        Ok(map.bindings.get(key).cloned())
    }
    fn view_target(&self, address: &ContractHash) -> Result<Option<ViewTarget>, ChainError> {
        Ok(self.views.get(address).cloned())
    }
    fn voting_power(&self, _: &PublicKeyHash) -> Result<u64, ChainError> {
        Ok(7)
    }
    fn total_voting_power(&self) -> Result<u64, ChainError> {
        Ok(70)
    }
    fn address_index(&self, address: &Address) -> Result<Option<u64>, ChainError> {
        Ok(self.indices.get(address).copied())
    }
    fn index_address(&mut self, address: &Address) -> Result<(u64, bool), ChainError> {
        let next = self.indices.len() as u64 + 1;
        let known = self.indices.get(address).copied();
        Ok((*self.indices.entry(*address).or_insert(next), known.is_none()))
    }
    fn new_contract(&mut self) -> Result<ContractHash, ChainError> {
        self.contracts_made += 1;
        Ok(ContractHash([self.contracts_made; 20]))
    }
    fn new_big_map(&mut self, temporary: bool) -> Result<BigInt, ChainError> {
        self.maps_made += 1;
        Ok(if temporary { BigInt::from(-self.maps_made) } else { BigInt::from(1000 + self.maps_made) })
    }
    fn new_nonce(&mut self) -> Result<Option<u16>, ChainError> {
        let nonce = self.nonces;
        self.nonces = nonce.saturating_add(1);
        Ok((nonce < u16::MAX).then_some(nonce))
    }
}

pub fn context() -> Context {
    Context {
        self_address: SELF.parse().unwrap(),
        sender: ACCOUNT.parse().unwrap(),
        source: ACCOUNT.parse().unwrap(),
        amount: Mutez(5),
        balance: Mutez(100),
        now: 1_700_000_000,
        level: Level::new(42).unwrap(),
        chain_id: ChainId([1, 2, 3, 4]),
        min_block_time: 8,
    }
}

pub fn parse(text: &str) -> Micheline {
    Micheline::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub fn ty(text: &str) -> Type {
    Type::parse(&parse(text)).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub fn rollup() -> RollupAddress {
    ROLLUP.parse().unwrap()
}

#[derive(Debug)]
pub enum Failure {
    Typing(TypeError),
    Running(RunError),
}

/// A stack as `{ Elt type value ; … }`, its top first.
fn stack(node: &Micheline, chain: &Tables) -> (Vec<Type>, Vec<Value>) {
    let mut gas = Gas::unlimited();
    node.children()
        .iter()
        .rev()
        .map(|item| {
            let (prim, args, _) = item.as_prim().unwrap();
            assert_eq!(prim, Prim::Elt);
            let ty = Type::parse(&args[0]).unwrap();
            let value = Value::parse(&args[1], &ty, &mut Reading::internal(chain, &mut gas))
                .unwrap_or_else(|e| panic!("{item}: {e}"));
            (ty, value)
        })
        .unzip()
}

/// Runs code on a stack and shows the stack it leaves: a round through all of reading, typing, running and writing.
pub fn run(code: &str, input: &str, chain: &mut Tables) -> Result<String, Failure> {
    let (types, values) = stack(&parse(input), chain);
    let mut gas = Gas::new(1_000_000_000);
    let (code, after) = fragment(&parse(code), types, &mut gas).map_err(Failure::Typing)?;
    let left = soru_michelson::interpret::run_fragment(code, values, &context(), chain, &mut gas)
        .map_err(Failure::Running)?;
    let After::Stack(types) = after else { panic!("the code should have failed") };
    assert_eq!(types.len(), left.len());
    let items: Vec<Micheline> = types
        .iter()
        .zip(&left)
        .rev()
        .map(|(ty, value)| {
            let shown = match value {
                Value::Operation(_) => Micheline::string("operation"),
                _ => value.to_micheline(ty, Form::Readable(soru_base::IdFamily::Alpha), &mut gas).unwrap(),
            };
            Micheline::prim(Prim::Elt, [ty.to_micheline(), shown])
        })
        .collect();
    Ok(Micheline::Seq(items).to_string())
}

/// Checks lines of `code | input | output`. The output may be `!value` for `FAILWITH` or `!overflow`.
pub fn table(chain: &Tables, lines: &str) -> usize {
    let mut checked = 0;
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [code, input, output] = parts[..] else { panic!("not three parts: {line}") };
        let found = run(&format!("{{ {code} }}"), &format!("{{ {input} }}"), &mut chain.clone());
        match (output.strip_prefix('!'), found) {
            (None, Ok(found)) => assert_eq!(found, parse(&format!("{{ {output} }}")).to_string(), "{line}"),
            (Some("overflow"), Err(Failure::Running(RunError::Overflow { .. }))) => {}
            (Some(value), Err(Failure::Running(RunError::Failed { with, .. }))) => {
                assert_eq!(with, parse(value), "{line}");
            }
            (_, found) => panic!("{line}: {found:?}"),
        }
        checked += 1;
    }
    checked
}
