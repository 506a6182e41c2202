//! `return` with values below its results: the machine does not do what WebAssembly defines.
//!
//! The machine hands *all* values of the innermost block to the caller, the results on top. A branch to the label of the
//! function, or its end, hands over the results alone; and those that the machine calls itself, `kernel_run` and the start
//! function, have nobody to hand values to, but other functions can call them too. So a kernel with such a `return` in code
//! that can be reached is left to the ticks.

use wasmparser::{FuncValidator, Operator, ValidatorResources};

/// Why `operator`, which comes next in a function with so many results, is refused: if it is such a `return`.
pub(crate) fn carrying(
    function: &FuncValidator<ValidatorResources>,
    results: usize,
    operator: &Operator<'_>,
) -> Option<String> {
    let Operator::Return = operator else { return None };
    let block = function.get_control_frame(0)?;
    let below = (function.operand_stack_height() as usize).saturating_sub(block.height + results);
    let carries = below > 0 && !block.unreachable;
    carries
        .then(|| format!("`return` with {below} more on the stack than the results: the caller gets it all"))
}

#[cfg(test)]
mod tests {
    use crate::{KernelError, check};
    use soru_pvm::Version;

    /// What the check of a kernel says that calls such a function.
    fn refusal(signature: &str, code: &str) -> Option<String> {
        let kernel = format!(
            r#"(module (memory (export "m") 1) (func (export "kernel_run"))
                (func {signature} {code}))"#
        );
        let kernel = wat::parse_str(&kernel).unwrap();
        match check(&kernel, Version::V0) {
            Ok(()) => None,
            Err(KernelError::Unsupported(reason)) => Some(reason),
            Err(other) => panic!("{code}: {other}"),
        }
    }

    #[test]
    fn values_below_the_results_are_refused() {
        for (signature, code, below) in [
            ("", "(i32.const 1) (return)", 1),
            ("(result i32)", "(i64.const 1) (i64.const 2) (return (i32.const 3))", 2),
            ("(result i32 i64)", "(i32.const 1) (return (i32.const 2) (i64.const 3))", 1),
            ("", "(block (i32.const 1) (return))", 1),
            ("(param i32)", "(if (local.get 0) (then (i32.const 1) (return)))", 1),
            // The arguments of a block are in it.
            ("", "(i32.const 1) (loop (param i32) (return))", 1),
            ("", "(i32.const 1) (i32.const 2) (block (param i32) (return)) (drop)", 1),
            // After dead code comes code that can be reached.
            ("", "(block (br 0)) (i32.const 1) (return)", 1),
            ("(param i32)", "(i32.const 1) (br_if 0 (local.get 0)) (return)", 1),
        ] {
            let reason = refusal(signature, code).unwrap_or_else(|| panic!("taken: {code}"));
            assert!(reason.contains(&format!("`return` with {below} more")), "{code}: {reason}");
            assert!(reason.starts_with("function 1, byte "), "{code}: {reason}");
        }
    }

    #[test]
    fn other_ways_out_of_a_function_are_taken() {
        for (signature, code) in [
            ("", "(return)"),
            ("(result i32 i64)", "(return (i32.const 2) (i64.const 3))"),
            ("(result i32)", "(drop (i32.const 1)) (return (i32.const 2))"),
            // Values of a block around it stay there.
            ("", "(i32.const 1) (block (return)) (drop)"),
            ("(param i32)", "(i64.const 1) (if (local.get 0) (then (return))) (drop)"),
            // Branches take what the label takes.
            ("", "(i32.const 1) (br 0)"),
            ("(param i32) (result i32)", "(i32.const 1) (i32.const 2) (br_if 0 (local.get 0)) (drop)"),
            ("(result i32)", "(i32.const 1) (i32.const 2) (br_table 0 0 (i32.const 3))"),
            // Code that cannot be reached.
            ("", "(unreachable) (i32.const 1) (return)"),
            ("", "(br 0) (i32.const 1) (return)"),
            ("", "(return) (i32.const 1) (return)"),
        ] {
            assert_eq!(refusal(signature, code), None, "{code}");
        }
    }
}
