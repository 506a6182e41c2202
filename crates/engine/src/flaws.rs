//! What a compiler is known to make wrong code of.

use crate::compiler::Compiler;
use wasmparser::{Operator, Parser, Payload};

/// Why that compiler must not compile a module, if there is something in it that comes out wrong.
pub(crate) fn flaw(compiler: Compiler, module: &[u8]) -> Option<&'static str> {
    // Winch of Wasmtime 48.0.8 writes these as loops over single entries. That of table.copy moves the stack at every turn if a
    // value below it is in a register, and so goes out of its bounds. The others are built alike, and as rare.
    let is_touched = compiler == Compiler::Singlepass && changes_tables(module).unwrap_or(true);
    is_touched.then_some("it makes wrong code of table.copy and its like")
}

fn changes_tables(module: &[u8]) -> Result<bool, wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload? {
            for operator in body.get_operators_reader()? {
                if matches!(
                    operator?,
                    Operator::TableCopy { .. }
                        | Operator::TableFill { .. }
                        | Operator::TableGrow { .. }
                        | Operator::TableInit { .. }
                ) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_over_tables_are_not_for_the_compiler_of_one_pass() {
        let is_flawed = |compiler, text: &str| {
            let module =
                format!("(module (table 2 funcref) (elem func 0) (func (param i32) (local funcref) {text}))");
            flaw(compiler, &wat::parse_str(module).unwrap()).is_some()
        };
        let triple = "(i32.const 0) (i32.const 1) (i32.const 1)";
        for (text, is_touched) in [
            (format!("(table.copy {triple})"), true),
            (format!("(table.init 0 {triple})"), true),
            ("(table.fill (i32.const 0) (local.get 1) (i32.const 1))".into(), true),
            ("(drop (table.grow (local.get 1) (i32.const 1)))".into(), true),
            ("(table.set (i32.const 0) (table.get (i32.const 1)))".into(), false),
            ("(call_indirect (param i32) (i32.const 0) (i32.const 0))".into(), false),
        ] {
            assert_eq!(is_flawed(Compiler::Singlepass, &text), is_touched, "{text}");
            assert!(!is_flawed(Compiler::Cranelift, &text), "{text}");
        }
    }
}
