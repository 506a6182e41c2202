//! Comparing what came with what has to come.

use crate::interpret::{Operation, OperationContent};
use crate::text::{Shape, Syntax};
use crate::{Form, Gas, Micheline, Prim, Reason};
use soru_base::{IdFamily, PublicKeyHash};

/// The form in which values are compared.
pub(super) const FORM: Form = Form::Readable(IdFamily::Mainnet);

/// Whether an expression is what a pattern says; `_` stands for any expression.
pub fn matches(pattern: &Syntax, node: &Micheline) -> bool {
    let all = |patterns: &[Syntax]| {
        patterns.len() == node.children().len()
            && patterns.iter().zip(node.children()).all(|(pattern, node)| matches(pattern, node))
    };
    match (&pattern.shape, node) {
        (Shape::Prim { name, args, annots }, _) if name == "_" && args.is_empty() && annots.is_empty() => {
            true
        }
        (Shape::Int(a), Micheline::Int(b)) => a == b,
        (Shape::String(a), Micheline::String(b)) => a == b,
        (Shape::Bytes(a), Micheline::Bytes(b)) => a == b,
        (Shape::Seq(items), Micheline::Seq(_)) => all(items),
        (Shape::Prim { name, args, annots }, Micheline::Prim(prim, _, found)) => {
            name == prim.name() && annots == found && all(args)
        }
        _ => false,
    }
}

/// Whether an operation is what a pattern says; behind its parts comes its number. For people, its parts else.
pub(super) fn operation_matches(
    pattern: &Syntax,
    operation: &Operation,
    gas: &mut Gas,
) -> Result<Result<(), String>, Reason> {
    let data = operation.content.data(FORM, gas)?.unwrap_or_else(Micheline::unit);
    let nonce = Micheline::int(operation.nonce);
    let delegate = |delegate: &Option<PublicKeyHash>| match delegate {
        Some(hash) => Micheline::prim(Prim::Some, [Micheline::string(hash.to_string())]),
        None => Micheline::atom(Prim::None),
    };
    let (name, parts) = match &operation.content {
        OperationContent::Transfer { amount, destination, entrypoint, .. } => {
            let to = soru_base::MichelsonAddress { address: *destination, entrypoint: entrypoint.clone() };
            let to = Micheline::string(to.in_family(IdFamily::Mainnet));
            ("Transfer_tokens", vec![data, Micheline::int(amount.0), to, nonce])
        }
        OperationContent::Origination { delegate: to, balance, script, .. } => (
            "Create_contract",
            vec![Micheline::clone(script), delegate(to), Micheline::int(balance.0), data, nonce],
        ),
        OperationContent::Delegation(to) => ("Set_delegate", vec![delegate(to), nonce]),
        OperationContent::Event { written_type, .. } => ("Emit", vec![written_type.clone(), data]),
    };
    let found = match &pattern.shape {
        Shape::Prim { name, args, .. } if name == "_" && args.is_empty() => true,
        Shape::Prim { name: expected, args, .. } => {
            expected == name
                && args.len() == parts.len()
                && args.iter().zip(&parts).all(|(pattern, part)| matches(pattern, part))
        }
        _ => false,
    };
    let shown = || format!("{name} {}", parts.iter().map(|p| format!("({p})")).collect::<Vec<_>>().join(" "));
    Ok(if found { Ok(()) } else { Err(shown()) })
}
