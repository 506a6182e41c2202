//! Where annotations may stand, and how many. Apart from the names of entrypoints they mean nothing, but they are checked.

use crate::error::{Reason, shorten};
use crate::micheline::{MAX_ANNOT_LENGTH, Prim};
use crate::types::Type;

/// How many annotations of each kind a node may have.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    variables: usize,
    types: usize,
    fields: usize,
    /// Whether `@%` and `@%%` are variables.
    taken_names: bool,
    /// Whether `%@` is a field.
    taken_fields: bool,
}

const NONE: Allowed = Allowed { variables: 0, types: 0, fields: 0, taken_names: false, taken_fields: false };
const VARIABLE: Allowed = Allowed { variables: 1, ..NONE };
const VARIABLE_AND_TYPE: Allowed = Allowed { types: 1, ..VARIABLE };
const ENTRYPOINT: Allowed = Allowed { fields: 1, ..VARIABLE };
const MAKES_PAIR: Allowed = Allowed { fields: 2, taken_fields: true, ..VARIABLE_AND_TYPE };
const TAKES_FROM_PAIR: Allowed = Allowed { fields: 1, taken_names: true, ..VARIABLE };
const TAKES_PAIR_APART: Allowed = Allowed { variables: 2, fields: 2, taken_names: true, ..NONE };

impl Allowed {
    /// Nothing.
    pub(crate) const NOTHING: Self = NONE;
    /// On a type, once the name of its field was taken.
    pub(crate) const ON_TYPE: Self = Allowed { types: 1, ..NONE };

    /// What an instruction may have, which depends on the number of its arguments and on the stack; `None` if that is not checked.
    pub(crate) fn on_instruction(
        prim: Prim,
        args: usize,
        top: Option<&Type>,
        second: Option<&Type>,
    ) -> Option<Self> {
        use Prim as P;
        let (list, set) = (matches!(top, Some(Type::List(_))), matches!(second, Some(Type::Set(_))));
        Some(match (prim, args) {
            (P::DROP | P::DIG | P::DUG | P::SWAP | P::DIP | P::FAILWITH | P::NEVER, _) => NONE,
            (P::IF | P::IF_NONE | P::IF_LEFT | P::IF_CONS | P::LOOP | P::ITER, _) | (P::UNPAIR, 1) => NONE,
            (P::UNPAIR, _) => TAKES_PAIR_APART,
            (P::PAIR, 0) | (P::LEFT | P::RIGHT, _) => MAKES_PAIR,
            (P::CAR | P::CDR, _) => TAKES_FROM_PAIR,
            (P::UNIT | P::SOME | P::NONE | P::NIL | P::MAP | P::UNPACK, _) => VARIABLE_AND_TYPE,
            (P::EMPTY_SET | P::EMPTY_MAP | P::EMPTY_BIG_MAP, _) => VARIABLE_AND_TYPE,
            (P::SIZE, _) if list => VARIABLE_AND_TYPE,
            (P::MEM, _) if set => VARIABLE_AND_TYPE,
            (P::CREATE_CONTRACT, _) => Allowed { variables: 2, ..NONE },
            (P::CONTRACT | P::SELF | P::EMIT, _) => ENTRYPOINT,
            (P::MIN_BLOCK_TIME | P::OPEN_CHEST, _) => return None,
            _ => VARIABLE,
        })
    }

    /// An error unless these annotations are well-formed, in groups by their kind, and not too many.
    pub(crate) fn check<'a>(self, annots: impl IntoIterator<Item = &'a str>) -> Result<(), Reason> {
        let mut found = [0; 3];
        let mut last = None;
        for annot in annots {
            let kind = self.kind(annot).ok_or_else(|| wrong("a well-formed annotation", annot))?;
            if last != Some(kind) && found[kind] > 0 {
                return Err(wrong("annotations grouped by their kind", annot));
            }
            found[kind] += 1;
            last = Some(kind);
            let most = [self.variables, self.types, self.fields][kind];
            if found[kind] > most {
                let kind = ["of variables", "of types", "of fields"][kind];
                return Err(wrong(&format!("at most {most} annotations {kind}"), annot));
            }
        }
        Ok(())
    }

    fn kind(self, annot: &str) -> Option<usize> {
        match annot {
            "@%" | "@%%" if self.taken_names => return Some(0),
            "%@" if self.taken_fields => return Some(2),
            _ => {}
        }
        let kind = ['@', ':', '%'].iter().position(|mark| annot.starts_with(*mark))?;
        is_well_formed(annot).then_some(kind)
    }
}

fn wrong(expected: &str, found: &str) -> Reason {
    Reason::Unexpected { expected: expected.to_owned(), found: shorten(found) }
}

/// A mark, and nothing or a name behind it.
fn is_well_formed(annot: &str) -> bool {
    let begins = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let goes_on = |b: &u8| begins(b) || matches!(b, b'.' | b'%' | b'@');
    match annot.as_bytes() {
        [_, first, rest @ ..] => begins(first) && rest.iter().all(goes_on) && annot.len() <= MAX_ANNOT_LENGTH,
        [_] => true,
        [] => false,
    }
}

/// The first name of a field that is not empty, and its place.
pub(crate) fn field(annots: &[String]) -> Result<Option<(usize, &str)>, Reason> {
    for (index, annot) in annots.iter().enumerate() {
        if let Some(name) = annot.strip_prefix('%') {
            if !is_well_formed(annot) {
                return Err(wrong("a well-formed annotation", annot));
            }
            if !name.is_empty() {
                return Ok(Some((index, name)));
            }
        }
    }
    Ok(None)
}

/// Checks the annotations of a type; a field's name is allowed on parts of pairs and unions and on parameters.
pub(crate) fn check_type(annots: &[String], may_be_field: bool) -> Result<(), Reason> {
    let taken = if may_be_field { field(annots)?.map(|(index, _)| index) } else { None };
    let others = annots.iter().enumerate().filter(|(index, _)| Some(*index) != taken);
    Allowed::ON_TYPE.check(others.map(|(_, annot)| annot.as_str()))
}
