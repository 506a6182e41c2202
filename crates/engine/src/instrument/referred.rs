//! Functions that are called, or can be, otherwise than by a call.

use super::InstrumentError;
use std::collections::BTreeSet;
use wasmparser::{ElementItems, Operator, Parser, Payload};

/// Functions that are called, or can be, otherwise than by a call.
pub(super) fn functions_referred_to(bytes: &[u8]) -> Result<BTreeSet<u32>, InstrumentError> {
    let mut referred = BTreeSet::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::GlobalSection(section) => {
                for global in section {
                    in_expression(&global?.init_expr, &mut referred)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == wasmparser::ExternalKind::Func {
                        referred.insert(export.index);
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    match element?.items {
                        ElementItems::Functions(functions) => {
                            for function in functions {
                                referred.insert(function?);
                            }
                        }
                        ElementItems::Expressions(_, expressions) => {
                            for expression in expressions {
                                in_expression(&expression?, &mut referred)?;
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(referred)
}

fn in_expression(
    expression: &wasmparser::ConstExpr<'_>,
    referred: &mut BTreeSet<u32>,
) -> Result<(), InstrumentError> {
    let mut operators = expression.get_operators_reader();
    while !operators.eof() {
        if let Operator::RefFunc { function_index } = operators.read()? {
            referred.insert(function_index);
        }
    }
    Ok(())
}
