//! Reading a test.

use super::chain::Surroundings;
use crate::interpret::ViewTarget;
use crate::text::{ParseError, Shape, Source, Syntax};
use crate::values::parse_timestamp;
use crate::{Context, Micheline, Parameter, Prim, Type, TypeError};
use soru_base::{Address, ChainId, ContractHash, Curve, Level, Mutez, PublicKeyHash};
use std::fmt::Display;
use std::str::FromStr;
use thiserror::Error;

/// A test.
pub struct Test {
    /// A sequence of instructions.
    pub(super) code: Micheline,
    /// Types and values of the stack, its top first.
    pub(super) input: Vec<(Micheline, Micheline)>,
    /// What has to come.
    pub(super) output: Syntax,
    /// The parameter of the contract that the code is in.
    pub(super) parameter: Option<Parameter>,
    pub(super) context: Context,
    pub(super) chain: Surroundings,
}

/// Why a test cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TestError {
    /// It is no list of expressions.
    #[error(transparent)]
    Syntax(#[from] ParseError),
    /// A type in it is none.
    #[error("expected a type: {0}")]
    Type(#[from] TypeError),
    /// A declaration is missing, or it is not what it should be.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
}

fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> TestError {
    TestError::Unexpected { expected: expected.into(), found: found.into() }
}

impl Test {
    /// Reads a test.
    pub fn parse(text: &str) -> Result<Self, TestError> {
        let mut declarations = Syntax::script(text)?;
        let (mut code, mut input, mut output, mut parameter) = (None, None, None, None);
        let (mut context, mut chain) = (default_context(), Surroundings::default());
        let mut seen: Vec<String> = Vec::new();
        for mut declaration in declarations.take_children() {
            let args = declaration.take_children();
            let Shape::Prim { name, .. } = &declaration.shape else {
                return Err(unexpected("a declaration", "something else"));
            };
            if seen.contains(name) {
                return Err(unexpected("each declaration once", format!("{name} twice")));
            }
            seen.push(name.clone());
            let [arg] = <[Syntax; 1]>::try_from(args)
                .map_err(|args| unexpected(format!("{name} with one argument"), args.len().to_string()))?;
            match name.as_str() {
                "output" => output = Some(arg),
                "input" => {
                    input = Some(items(arg, "Stack_elt")?.into_iter().map(pair).collect::<Result<_, _>>()?)
                }
                "views" => views(arg, &mut chain)?,
                _ => {
                    let node = Source::from_syntax(list_of_names(arg))?.node;
                    match name.as_str() {
                        "code" => code = Some(sequence(node)),
                        "parameter" => parameter = Some(Parameter::parse(&node)?),
                        _ => surroundings(name, node, &mut context, &mut chain)?,
                    }
                }
            }
        }
        if let Some(parameter) = &parameter {
            chain.parameters.insert(context.self_address.into(), parameter.ty().to_micheline());
        }
        let missing = |name: &str| unexpected(format!("a declaration of {name}"), "none");
        Ok(Self {
            code: code.ok_or_else(|| missing("code"))?,
            input: input.ok_or_else(|| missing("input"))?,
            output: output.ok_or_else(|| missing("output"))?,
            parameter,
            context,
            chain,
        })
    }
}

fn default_context() -> Context {
    let nobody = PublicKeyHash::new(Curve::Ed25519, [0; 20]);
    Context {
        self_address: ContractHash([1; 20]),
        sender: nobody.into(),
        source: nobody,
        amount: Mutez::ZERO,
        balance: Mutez::ZERO,
        now: 0,
        level: Level::GENESIS,
        chain_id: ChainId([0; 4]),
        min_block_time: 0,
    }
}

/// `Elt`s of the lists of a test have names that Michelson does not know: they become pairs.
fn list_of_names(mut node: Syntax) -> Syntax {
    if let Shape::Seq(items) = &mut node.shape {
        for item in items {
            if let Shape::Prim { name, .. } = &mut item.shape
                && matches!(name.as_str(), "Contract" | "Big_map" | "Storage")
            {
                *name = "Pair".to_owned();
            }
        }
    }
    node
}

fn surroundings(
    name: &str,
    node: Micheline,
    context: &mut Context,
    chain: &mut Surroundings,
) -> Result<(), TestError> {
    match name {
        "amount" => context.amount = Mutez(number(&node)?),
        "balance" => context.balance = Mutez(number(&node)?),
        "now" => {
            let seconds = match &node {
                Micheline::String(text) => parse_timestamp(text).and_then(|n| i64::try_from(n).ok()),
                _ => number::<i64>(&node).ok(),
            };
            context.now = seconds.ok_or_else(|| unexpected("a time", node.to_string()))?;
        }
        "level" => {
            context.level = u32::try_from(number::<u64>(&node)?)
                .ok()
                .and_then(Level::new)
                .ok_or_else(|| unexpected("a level", node.to_string()))?;
        }
        "sender" => context.sender = text(&node)?,
        "source" => context.source = text(&node)?,
        "self" => context.self_address = text(&node)?,
        "chain_id" => {
            context.chain_id = match &node {
                Micheline::Bytes(bytes) => ChainId(
                    bytes.as_slice().try_into().map_err(|_| unexpected("four bytes", node.to_string()))?,
                ),
                _ => text(&node)?,
            }
        }
        "min_block_time" => context.min_block_time = number(&node)?,
        "total_voting_power" => chain.total_voting_power = number(&node)?,
        "voting_power" => {
            let items = match node {
                Micheline::Seq(_) => node.children().to_vec(),
                item => vec![item],
            };
            for item in &items {
                let [baker, power] = arguments(item)?;
                chain.voting_powers.insert(text(baker)?, number(power)?);
            }
        }
        "other_contracts" => {
            for item in node.children() {
                let [address, ty] = arguments(item)?;
                chain.parameters.insert(text::<Address>(address)?, ty.clone());
            }
        }
        "big_maps" => {
            for item in node.children() {
                let [id, key, value, bindings] = arguments(item)?;
                let types = (Type::parse(key)?, Type::parse(value)?);
                chain.add_big_map(number::<u64>(id)?, types, bindings)?;
            }
        }
        "storages" => {
            for item in node.children() {
                let [address, ty, value] = arguments(item)?;
                chain.storages.insert(text(address)?, (ty.clone(), value.clone()));
            }
        }
        _ => return Err(unexpected("a declaration that is known", name)),
    }
    Ok(())
}

/// `Views address { View … }`: what the views of contracts are.
fn views(list: Syntax, chain: &mut Surroundings) -> Result<(), TestError> {
    for mut contract in items(list, "Views")? {
        let views = contract.pop().ok_or_else(|| unexpected("views", "none"))?;
        let address = contract.pop().ok_or_else(|| unexpected("an address", "none"))?;
        let address = text(&Source::from_syntax(address)?.node)?;
        let mut written = Vec::new();
        for view in items(views, "View")? {
            let parts = view.into_iter().map(|part| Ok(Source::from_syntax(part)?.node));
            written.push(Micheline::prim(Prim::view, parts.collect::<Result<Vec<_>, TestError>>()?));
        }
        chain.views.insert(address, written);
    }
    Ok(())
}

impl Surroundings {
    /// The contract of that address as views find it.
    pub(super) fn target(&self, address: &ContractHash) -> Option<ViewTarget> {
        let views = self.views.get(address)?;
        let unit = (Micheline::atom(Prim::unit), Micheline::unit());
        let (storage_type, storage) = self.storages.get(address).unwrap_or(&unit);
        let failing = Micheline::seq([Micheline::atom(Prim::FAILWITH)]);
        let declarations = [
            Micheline::prim(Prim::parameter, [Micheline::atom(Prim::unit)]),
            Micheline::prim(Prim::storage, [storage_type.clone()]),
            Micheline::prim(Prim::code, [Micheline::seq([Micheline::atom(Prim::CAR), failing])]),
        ];
        Some(ViewTarget {
            address: *address,
            script: Micheline::Seq(declarations.into_iter().chain(views.iter().cloned()).collect()),
            storage: storage.clone(),
            balance: Mutez::ZERO,
        })
    }
}

/// The arguments of the items of a list, which all have that name.
pub(super) fn items(mut list: Syntax, expected: &str) -> Result<Vec<Vec<Syntax>>, TestError> {
    let Shape::Seq(_) = &list.shape else {
        return Err(unexpected(format!("a list of {expected}"), "something else"));
    };
    let mut found = Vec::new();
    for mut item in list.take_children() {
        match &item.shape {
            Shape::Prim { name, .. } if name == expected => found.push(item.take_children()),
            _ => return Err(unexpected(expected, "something else")),
        }
    }
    Ok(found)
}

/// A type and a value.
fn pair(parts: Vec<Syntax>) -> Result<(Micheline, Micheline), TestError> {
    let [ty, value] = <[Syntax; 2]>::try_from(parts)
        .map_err(|parts| unexpected("a type and a value", format!("{} parts", parts.len())))?;
    Ok((Source::from_syntax(ty)?.node, Source::from_syntax(value)?.node))
}

fn sequence(node: Micheline) -> Micheline {
    match node {
        Micheline::Seq(_) => node,
        other => Micheline::seq([other]),
    }
}

fn arguments<const N: usize>(node: &Micheline) -> Result<&[Micheline; N], TestError> {
    node.children().try_into().map_err(|_| unexpected(format!("{N} arguments"), node.to_string()))
}

fn number<T: TryFrom<num_bigint::BigInt>>(node: &Micheline) -> Result<T, TestError> {
    let number = match node {
        Micheline::Int(n) => T::try_from(n.clone()).ok(),
        _ => None,
    };
    number.ok_or_else(|| unexpected("a number", node.to_string()))
}

fn text<T: FromStr<Err: Display>>(node: &Micheline) -> Result<T, TestError> {
    match node {
        Micheline::String(text) => {
            text.parse().map_err(|e: T::Err| unexpected("an identifier", e.to_string()))
        }
        _ => Err(unexpected("a text", node.to_string())),
    }
}
