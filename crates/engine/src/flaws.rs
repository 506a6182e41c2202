//! What a compiler is known to make wrong code of.

use crate::compiler::Compiler;
use wasmparser::{Operator, Parser, Payload};

/// Why that compiler must not compile a module, if there is something in it that comes out wrong.
pub(crate) fn flaw(compiler: Compiler, module: &[u8]) -> Option<&'static str> {
    // Winch of Wasmtime 48.0.8: the code goes out of its bounds if there is the result of a call below on the stack.
    let is_touched = compiler == Compiler::Singlepass && copies_tables(module).unwrap_or(true);
    is_touched.then_some("it makes wrong code of table.copy")
}

fn copies_tables(module: &[u8]) -> Result<bool, wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload? {
            for operator in body.get_operators_reader()? {
                if matches!(operator?, Operator::TableCopy { .. }) {
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
    fn copies_of_tables_are_not_for_the_compiler_of_one_pass() {
        let copy = "(module (table 2 funcref) (func (table.copy (i32.const 0) (i32.const 1) (i32.const 1))))";
        let fill =
            "(module (table 2 funcref) (func (table.fill (i32.const 0) (ref.null func) (i32.const 1))))";
        let flaw = |compiler, wat| flaw(compiler, &wat::parse_str(wat).unwrap()).is_some();
        assert!(flaw(Compiler::Singlepass, copy) && !flaw(Compiler::Cranelift, copy));
        assert!(!flaw(Compiler::Singlepass, fill));
    }
}
