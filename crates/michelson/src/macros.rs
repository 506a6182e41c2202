//! The macros of the text form.

use crate::text::{ParseError, Syntax};

/// Expands a node whose children are expanded already.
pub(crate) fn expand(node: Syntax) -> Result<Syntax, ParseError> {
    Ok(node)
}
