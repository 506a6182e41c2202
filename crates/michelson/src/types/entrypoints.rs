//! Parameters of contracts and rollups, and the entrypoints into them.

use super::Type;
use crate::error::TypeError;
use crate::micheline::{Cursor, Micheline, Numbering};
use crate::values::Value;
use soru_base::Entrypoint;
use std::collections::BTreeMap;

/// Which branch of an `or` an entrypoint is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// The first one.
    Left,
    /// The second one.
    Right,
}

/// The type of a parameter, and its named parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    ty: Type,
    // The way to every annotated branch, from the root. The root's own name has an empty way.
    named: BTreeMap<Entrypoint, (Vec<Branch>, Type)>,
}

impl Parameter {
    /// Reads the type of a parameter with its annotations.
    pub fn parse(node: &Micheline) -> Result<Self, TypeError> {
        Self::parse_at(Numbering::of(node).root(node))
    }

    /// A parameter without named parts.
    pub fn of(ty: Type) -> Self {
        Self { ty, named: BTreeMap::new() }
    }

    pub(crate) fn parse_at(cursor: Cursor<'_>) -> Result<Self, TypeError> {
        let ty = Type::parse_parameter(cursor)?;
        let mut parameter = Self { ty: ty.clone(), named: BTreeMap::new() };
        let mut unreachable = None;
        // Branches still to be looked at: the node, its type, the way, whether a name leads to it.
        let mut pending = vec![(cursor, ty, Vec::new(), false)];
        while let Some((cursor, ty, way, mut named)) = pending.pop() {
            if let Some(entrypoint) = name_of(cursor)? {
                parameter.add(cursor.number, entrypoint, way.clone(), ty.clone())?;
                named |= !way.is_empty();
            }
            match (&ty, cursor.exactly::<2>()) {
                (Type::Or(or), Some([left, right])) => {
                    let below = |branch| way.iter().copied().chain([branch]).collect::<Vec<_>>();
                    pending.push((right, or.1.clone(), below(Branch::Right), named));
                    pending.push((left, or.0.clone(), below(Branch::Left), named));
                }
                _ if !named => unreachable = unreachable.or(Some(cursor.number)),
                _ => {}
            }
        }
        // Where `default` is a part, the whole has no name: every leaf needs one.
        let default_is_a_part =
            parameter.named.get(&Entrypoint::default()).is_some_and(|(way, _)| !way.is_empty());
        let root_is_named = parameter.named.values().any(|(way, _)| way.is_empty());
        match unreachable {
            Some(at) if default_is_a_part && !root_is_named => {
                Err(TypeError::unexpected(at, "a branch that an entrypoint leads to", "one without a name"))
            }
            _ => Ok(parameter),
        }
    }

    fn add(&mut self, at: usize, name: Entrypoint, way: Vec<Branch>, ty: Type) -> Result<(), TypeError> {
        match self.named.insert(name.clone(), (way, ty)) {
            None => Ok(()),
            Some(_) => {
                Err(TypeError::unexpected(at, "names of entrypoints that differ", format!("{name} twice")))
            }
        }
    }

    /// The type of the whole parameter.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The way to an entrypoint and its type. `default` leads to the whole unless a part has that name.
    pub fn entrypoint(&self, entrypoint: &Entrypoint) -> Option<(&[Branch], &Type)> {
        match self.named.get(entrypoint) {
            Some((way, ty)) => Some((way, ty)),
            None if entrypoint.is_default() => Some((&[], &self.ty)),
            None => None,
        }
    }

    /// The entrypoint that takes a type, as `CONTRACT` finds it: where the whole is named `root`, that is what `default` leads to
    /// if its own type is another one.
    pub fn entrypoint_for(&self, entrypoint: &Entrypoint, wanted: &Type) -> Option<Entrypoint> {
        let (_, ty) = self.entrypoint(entrypoint)?;
        if ty == wanted {
            return Some(entrypoint.clone());
        }
        let root = self.named.iter().find(|(name, (way, _))| name.as_str() == "root" && way.is_empty());
        root.filter(|_| entrypoint.is_default() && self.ty == *wanted).map(|(name, _)| name.clone())
    }

    /// Every entrypoint that is named, and `default`.
    pub fn entrypoints(&self) -> impl Iterator<Item = (Entrypoint, &Type)> {
        let default = Entrypoint::default();
        let implied = (!self.named.contains_key(&default)).then_some((default, &self.ty));
        implied.into_iter().chain(self.named.iter().map(|(name, (_, ty))| (name.clone(), ty)))
    }

    /// Makes the whole parameter from the argument of an entrypoint; `None` if there is no such entrypoint.
    pub fn wrap(&self, entrypoint: &Entrypoint, argument: Value) -> Option<Value> {
        let (way, _) = self.entrypoint(entrypoint)?;
        Some(way.iter().rev().fold(argument, |value, branch| match branch {
            Branch::Left => Value::left(value),
            Branch::Right => Value::right(value),
        }))
    }

    /// The same on expressions: the whole parameter as it is stored in messages to rollups.
    pub fn wrap_micheline(&self, entrypoint: &Entrypoint, argument: Micheline) -> Option<Micheline> {
        use crate::micheline::Prim;
        let (way, _) = self.entrypoint(entrypoint)?;
        Some(way.iter().rev().fold(argument, |node, branch| match branch {
            Branch::Left => Micheline::prim(Prim::Left, [node]),
            Branch::Right => Micheline::prim(Prim::Right, [node]),
        }))
    }
}

/// The entrypoint that is named by an annotation of a node. Names that are too long are none.
fn name_of(cursor: Cursor<'_>) -> Result<Option<Entrypoint>, TypeError> {
    let annots = cursor.node.as_prim().map_or(&[][..], |(_, _, annots)| annots);
    let field = crate::annots::field(annots).map_err(|reason| TypeError::new(cursor.number, reason))?;
    Ok(field.and_then(|(_, name)| Entrypoint::new(name).ok()))
}
