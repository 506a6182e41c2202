//! Scripts: the parameter, the storage, the code and the views of a contract.

use crate::annots::Allowed;
use crate::error::{Reason, TypeError, shorten};
use crate::gas::{Gas, cost};
use crate::micheline::{Cursor, Micheline, Numbering, Prim};
use crate::typecheck::{self, Code, Place};
use crate::types::{Parameter, Type, Use};
use crate::values::{Form, Reading, Value};
use soru_base::IdFamily;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest name of a view.
const MAX_VIEW_NAME: usize = 31;

/// A script whose types are all right.
pub struct Script {
    parameter: Parameter,
    storage: Type,
    pub(crate) code: Arc<Code>,
    pub(crate) views: BTreeMap<String, View>,
}

/// A view: a question to a contract that changes nothing.
pub struct View {
    /// The type of its argument.
    pub input: Type,
    /// The type of its answer.
    pub output: Type,
    pub(crate) code: Arc<Code>,
}

impl Script {
    /// Types a script: a sequence of `parameter`, `storage`, `code` and any number of `view`s, in any order.
    pub fn typecheck(script: &Micheline, gas: &mut Gas) -> Result<Self, TypeError> {
        let source = Arc::new(script.clone());
        let numbering = Numbering::of(&source);
        Self::typecheck_at(numbering.root(&source), source.clone(), gas)
    }

    pub(crate) fn typecheck_at(
        cursor: Cursor<'_>,
        source: Arc<Micheline>,
        gas: &mut Gas,
    ) -> Result<Self, TypeError> {
        let parts = Parts::read(cursor, gas)?;
        let parameter = parts.parameter()?;
        let storage = Type::parse_at_for(parts.storage.1, Use::Stored)?;
        let stack = vec![
            Type::pair(parameter.ty().clone(), storage.clone())
                .bounded()
                .map_err(|reason| TypeError::new(parts.storage.1.number, reason))?,
        ];
        let result = Type::pair(Type::list(Type::Operation), storage.clone());
        let place = Place::Contract(&parameter);
        let code = Arc::new(typecheck::body(parts.code.1, source.clone(), place, stack, &result, gas)?);
        let mut views = BTreeMap::new();
        for cursor in &parts.views {
            let (name, view) = view(*cursor, &source, &storage, gas)?;
            if views.insert(name.clone(), view).is_some() {
                return Err(TypeError::unexpected(
                    cursor.number,
                    "views whose names differ",
                    format!("{name:?} twice"),
                ));
            }
        }
        Ok(Self { parameter, storage, code, views })
    }

    /// The type of the parameter with its entrypoints.
    pub fn parameter(&self) -> &Parameter {
        &self.parameter
    }

    /// The type of the storage.
    pub fn storage(&self) -> &Type {
        &self.storage
    }

    /// The views by their names.
    pub fn views(&self) -> &BTreeMap<String, View> {
        &self.views
    }

    /// Reads the parameter of a script without typing its code.
    pub fn parameter_of(script: &Micheline) -> Result<Parameter, TypeError> {
        let numbering = Numbering::of(script);
        Parts::read(numbering.root(script), &mut Gas::unlimited())?.parameter()
    }

    /// Reads the type of the storage of a script without typing its code.
    pub fn storage_of(script: &Micheline) -> Result<Type, TypeError> {
        let numbering = Numbering::of(script);
        Type::parse_at_for(Parts::read(numbering.root(script), &mut Gas::unlimited())?.storage.1, Use::Stored)
    }

    /// Writes a storage for people, as `Form::Readable`.
    pub fn readable_storage(
        &self,
        storage: &Micheline,
        family: IdFamily,
        gas: &mut Gas,
    ) -> Result<Micheline, TypeError> {
        let value = Value::parse(storage, &self.storage, &mut Reading::stored(gas))?;
        value
            .to_micheline(&self.storage, Form::Readable(family), gas)
            .map_err(|reason| TypeError::new(0, reason))
    }
}

/// A declaration and its only argument.
type Declaration<'a> = (Cursor<'a>, Cursor<'a>);

struct Parts<'a> {
    parameter: Declaration<'a>,
    storage: Declaration<'a>,
    code: Declaration<'a>,
    views: Vec<Cursor<'a>>,
}

impl<'a> Parts<'a> {
    fn read(cursor: Cursor<'a>, gas: &mut Gas) -> Result<Self, TypeError> {
        let Micheline::Seq(_) = cursor.node else {
            return Err(TypeError::unexpected(cursor.number, "a sequence of declarations", cursor.node));
        };
        let (mut parameter, mut storage, mut code, mut views) = (None, None, None, Vec::new());
        for part in cursor.children() {
            gas.charge(cost::NODE).map_err(|e| TypeError::new(part.number, e.into()))?;
            let slot = match part.node.as_prim() {
                Some((Prim::parameter, ..)) => &mut parameter,
                Some((Prim::storage, ..)) => &mut storage,
                Some((Prim::code, ..)) => &mut code,
                Some((Prim::view, ..)) => {
                    views.push(part);
                    continue;
                }
                _ => {
                    return Err(TypeError::unexpected(
                        part.number,
                        "parameter, storage, code or view",
                        part.node,
                    ));
                }
            };
            let [argument] = part
                .exactly()
                .ok_or_else(|| TypeError::unexpected(part.number, "one argument", part.node))?;
            let annots = part.node.as_prim().map_or(&[][..], |(_, _, annots)| annots);
            Allowed::NOTHING
                .check(annots.iter().map(String::as_str))
                .map_err(|reason| TypeError::new(part.number, reason))?;
            if slot.replace((part, argument)).is_some() {
                return Err(TypeError::unexpected(part.number, "each declaration once", part.node));
            }
        }
        let missing =
            |name: &str| TypeError::unexpected(cursor.number, format!("a {name} declaration"), "none");
        Ok(Self {
            parameter: parameter.ok_or_else(|| missing("parameter"))?,
            storage: storage.ok_or_else(|| missing("storage"))?,
            code: code.ok_or_else(|| missing("code"))?,
            views,
        })
    }

    fn parameter(&self) -> Result<Parameter, TypeError> {
        Parameter::parse_at(self.parameter.1)
    }
}

fn view(
    cursor: Cursor<'_>,
    source: &Arc<Micheline>,
    storage: &Type,
    gas: &mut Gas,
) -> Result<(String, View), TypeError> {
    let expected = "view with a name, two types and code";
    let wrong = || TypeError::unexpected(cursor.number, expected, cursor.node);
    let [name, input, output, code] = cursor.exactly().ok_or_else(wrong)?;
    let Micheline::String(text) = name.node else { return Err(wrong()) };
    check_view_name(text).map_err(|reason| TypeError::new(name.number, reason))?;
    let input = Type::parse_at_for(input, Use::Viewed)?;
    let output = Type::parse_at_for(output, Use::Viewed)?;
    let stack = vec![
        Type::pair(input.clone(), storage.clone())
            .bounded()
            .map_err(|reason| TypeError::new(cursor.number, reason))?,
    ];
    let code = typecheck::body(code, source.clone(), Place::View, stack, &output, gas)?;
    Ok((text.clone(), View { input, output, code: Arc::new(code) }))
}

/// Names of views have at most 31 characters: letters, digits, `_`, `.`, `%` and `@`.
pub(crate) fn check_view_name(name: &str) -> Result<(), Reason> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%' | '@');
    match name.len() <= MAX_VIEW_NAME && name.chars().all(allowed) {
        true => Ok(()),
        false => Err(Reason::Unexpected {
            expected: format!("the name of a view: at most {MAX_VIEW_NAME} letters, digits, _ . % @"),
            found: shorten(name),
        }),
    }
}
