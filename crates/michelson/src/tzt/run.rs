//! Running a test.

use super::file::items;
use super::outcome::{FORM, matches, operation_matches};
use super::{Test, Verdict};
use crate::interpret::run_fragment;
use crate::text::{Shape, Source, Syntax};
use crate::typecheck::{After, fragment_of};
use crate::{Form, Gas, Micheline, Reading, Reason, RunError, Type, TypeError, Value};

/// What an operation may use on the network, in milligas.
const GAS: u64 = 1_040_000_000;

/// What came of a test.
enum Came {
    /// A stack, its top first.
    Stack(Vec<(Type, Value)>),
    /// The code, a type or a value was refused.
    Refused(TypeError),
    /// It ran into something.
    Stopped(RunError),
}

/// Runs a test.
pub fn run(mut test: Test) -> Verdict {
    let gas = &mut Gas::new(GAS);
    let came = came_of(&mut test, gas);
    // What is compared costs nothing.
    let gas = &mut Gas::unlimited();
    if let Came::Refused(TypeError { reason: Reason::Unsupported(what), .. }) = &came {
        return Verdict::Refused((*what).to_owned());
    }
    let Test { output, chain, .. } = test;
    let expected = match &output.shape {
        Shape::Prim { name, args, .. } => Some((name.clone(), args.first())),
        _ => None,
    };
    let verdict = match (expected, came) {
        (None, Came::Stack(stack)) => compare_stacks(output, stack, &chain, gas),
        (Some((name, _)), Came::Refused(_)) if name == "StaticError" => Ok(()),
        // The network's own runner says so of whatever else stops a script.
        (Some((name, _)), Came::Stopped(RunError::Unwritable(_))) if name == "StaticError" => Ok(()),
        (Some((name, _)), Came::Stopped(RunError::Gas(_))) if name == "Gas_exhaustion" => Ok(()),
        (Some((name, _)), Came::Stopped(RunError::Overflow { .. })) if name == "Overflow" => Ok(()),
        (Some((name, Some(pattern))), Came::Stopped(RunError::Failed { with, .. })) if name == "Failed" => {
            match matches(pattern, &with) {
                true => Ok(()),
                false => Err(format!("it failed with {with}")),
            }
        }
        (_, Came::Stack(stack)) => Err(format!("it left {}", show(&stack, gas))),
        (_, Came::Refused(error)) => Err(format!("it was refused: {error}")),
        (_, Came::Stopped(error)) => Err(format!("it stopped: {error}")),
    };
    verdict.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

fn came_of(test: &mut Test, gas: &mut Gas) -> Came {
    let mut stack = Vec::new();
    for (ty, value) in test.input.iter().rev() {
        let read = Type::parse(ty).and_then(|ty| {
            let value = Value::parse(value, &ty, &mut Reading::internal(&test.chain, gas))?;
            Ok((ty, value))
        });
        match read {
            Ok(item) => stack.push(item),
            Err(error) => return Came::Refused(error),
        }
    }
    let (types, values): (Vec<_>, Vec<_>) = stack.into_iter().unzip();
    let (code, after) = match fragment_of(&test.code, types, test.parameter.as_ref(), gas) {
        Ok(typed) => typed,
        Err(error) => return Came::Refused(error),
    };
    match (run_fragment(code, values, &test.context, &mut test.chain, gas), after) {
        (Ok(values), After::Stack(types)) => Came::Stack(types.into_iter().zip(values).rev().collect()),
        (Ok(_), After::Never) => Came::Stack(Vec::new()),
        (Err(error), _) => Came::Stopped(error),
    }
}

fn compare_stacks(
    output: Syntax,
    found: Vec<(Type, Value)>,
    chain: &super::chain::Surroundings,
    gas: &mut Gas,
) -> Result<(), String> {
    let expected = items(output, "Stack_elt").map_err(|e| e.to_string())?;
    if expected.len() != found.len() {
        return Err(format!("it left {}", show(&found, gas)));
    }
    for (mut expected, (ty, value)) in expected.into_iter().zip(&found) {
        let (Some(pattern), Some(expected_type), true) =
            (expected.pop(), expected.pop(), expected.is_empty())
        else {
            return Err("expected Stack_elt with a type and a value".to_owned());
        };
        let expected_type = Source::from_syntax(expected_type).map_err(|e| e.to_string())?.node;
        let expected_type = Type::parse(&expected_type).map_err(|e| e.to_string())?;
        if expected_type != *ty {
            return Err(format!("it left {}", show(&found, gas)));
        }
        if let Value::Operation(operation) = value {
            operation_matches(&pattern, operation, gas).map_err(|e| e.to_string())??;
            continue;
        }
        let node = value.to_micheline(ty, FORM, gas).map_err(|e| e.to_string())?;
        // A value may be written in several ways; a pattern with gaps is taken as it stands.
        if !matches(&pattern, &node) && written(pattern, ty, chain, gas).as_ref() != Ok(&node) {
            return Err(format!("it left {}", show(&found, gas)));
        }
    }
    Ok(())
}

/// A value as it is compared.
fn written(
    value: Syntax,
    ty: &Type,
    chain: &super::chain::Surroundings,
    gas: &mut Gas,
) -> Result<Micheline, String> {
    let node = Source::from_syntax(value).map_err(|e| e.to_string())?.node;
    let value = Value::parse(&node, ty, &mut Reading::internal(chain, gas)).map_err(|e| e.to_string())?;
    value.to_micheline(ty, FORM, gas).map_err(|e| e.to_string())
}

fn show(stack: &[(Type, Value)], gas: &mut Gas) -> String {
    let shown = stack.iter().map(|(ty, value)| match value.to_micheline(ty, Form::clone(&FORM), gas) {
        Ok(node) => format!("{ty} {node}"),
        Err(_) => ty.to_string(),
    });
    format!("[{}]", shown.collect::<Vec<_>>().join(" : "))
}
