//! What may be done with values of a type.

use super::{MAX_TYPE_SIZE, Type};
use crate::error::Reason;

/// A use of types that not all types allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Keys of maps, elements of sets, contents of tickets, operands of `COMPARE`.
    Compared,
    /// Parameters of contracts and entrypoints.
    Passed,
    /// Storage.
    Stored,
    /// `PUSH` and `UNPACK`.
    Pushed,
    /// `PACK`.
    Packed,
    /// `DUP`.
    Duplicated,
    /// Values of big maps.
    InBigMap,
    /// Parameters and results of views.
    Viewed,
}

impl Use {
    fn expected(self) -> &'static str {
        match self {
            Self::Compared => "a comparable type",
            Self::Passed => "a type that can be passed (no operation)",
            Self::Stored => "a type that can be stored (no operation, no contract)",
            Self::Pushed => "a type that can be pushed (no operation, contract, big_map, ticket)",
            Self::Packed => "a type that can be packed (no operation, big_map, ticket)",
            Self::Duplicated => "a type that can be duplicated (no ticket)",
            Self::InBigMap => "a type that a big map can hold (no operation, contract, big_map)",
            Self::Viewed => "a type that views can handle (no operation, big_map, ticket)",
        }
    }

    fn forbids(self, ty: &Type) -> bool {
        match ty {
            Type::Operation => !matches!(self, Self::Duplicated),
            Type::Contract(_) => {
                matches!(self, Self::Compared | Self::Stored | Self::Pushed | Self::InBigMap)
            }
            Type::BigMap(_) => {
                matches!(self, Self::Compared | Self::Pushed | Self::Packed | Self::InBigMap | Self::Viewed)
            }
            Type::Ticket(_) => {
                matches!(self, Self::Compared | Self::Pushed | Self::Packed | Self::Duplicated | Self::Viewed)
            }
            Type::List(_)
            | Type::Set(_)
            | Type::Map(_)
            | Type::Lambda(_)
            | Type::BlsG1
            | Type::BlsG2
            | Type::BlsFr
            | Type::Chest
            | Type::ChestKey => {
                matches!(self, Self::Compared)
            }
            _ => false,
        }
    }
}

impl Type {
    /// Whether values of this type may be used so.
    pub fn allows(&self, wanted: Use) -> bool {
        !self.holds(|ty| wanted.forbids(ty))
    }

    /// Whether values can hold big maps.
    pub fn has_big_maps(&self) -> bool {
        self.holds(|ty| matches!(ty, Type::BigMap(_)))
    }

    /// Whether values can hold tickets.
    pub fn has_tickets(&self) -> bool {
        self.holds(|ty| matches!(ty, Type::Ticket(_)))
    }

    /// Whether values can hold functions.
    pub(crate) fn has_functions(&self) -> bool {
        self.holds(|ty| matches!(ty, Type::Lambda(_)))
    }

    /// Whether a value can hold one of a type that passes a test.
    fn holds(&self, test: impl Fn(&Type) -> bool) -> bool {
        let mut pending = vec![self];
        while let Some(ty) = pending.pop() {
            if test(ty) {
                return true;
            }
            // What functions and entrypoints take is not a part of their values.
            if !matches!(ty, Type::Lambda(_) | Type::Contract(_)) {
                let (a, b) = ty.parts();
                pending.extend(b);
                pending.extend(a);
            }
        }
        false
    }

    /// An error unless values of this type may be used so.
    pub(crate) fn require(&self, wanted: Use) -> Result<(), Reason> {
        match self.allows(wanted) {
            true => Ok(()),
            false => Err(Reason::NotAllowed { expected: wanted.expected(), found: self.clone() }),
        }
    }

    /// This type, unless it has become too large.
    pub(crate) fn bounded(self) -> Result<Type, Reason> {
        match self.size() > MAX_TYPE_SIZE {
            true => Err(Reason::TypeTooLarge),
            false => Ok(self),
        }
    }
}
