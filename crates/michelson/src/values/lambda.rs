//! Functions as values.

use super::Value;
use crate::error::Reason;
use crate::gas::{Gas, GasExhaustedError, cost};
use crate::micheline::{MAX_DEPTH, Micheline};
use crate::typecheck::Code;
use crate::types::Type;
use std::cell::RefCell;
use std::sync::Arc;

/// A function.
pub struct Lambda {
    pub(crate) parameter: Type,
    pub(crate) result: Type,
    // How many applied functions are nested in it.
    depth: usize,
    // None only while it is being dropped.
    function: Option<Function>,
}

/// What a function does.
#[derive(Clone)]
pub(crate) enum Function {
    /// It runs code.
    Code {
        code: Arc<Code>,
        /// The block to run.
        block: usize,
        /// The number of its expression in the source of the code.
        number: usize,
        /// Whether it finds itself on the stack, under its parameter.
        recursive: bool,
    },
    /// It applies another function to a pair whose first component is given.
    Applied { argument: Value, argument_type: Type, inner: Arc<Lambda> },
}

impl Lambda {
    pub(crate) fn new(parameter: Type, result: Type, function: Function) -> Self {
        Self { parameter, result, depth: 0, function: Some(function) }
    }

    /// What `APPLY` makes: a function with its first argument given. Its parameter is what remains of a pair.
    ///
    /// The network writes it down at once, so it may not be nested too deeply.
    pub(crate) fn applied(
        inner: Arc<Lambda>,
        (argument, argument_type): (Value, Type),
        parameter: Type,
        gas: &mut Gas,
    ) -> Result<Self, Reason> {
        let in_argument = if argument_type.has_functions() { argument.deepest_function(gas)? } else { 0 };
        let depth = inner.depth.max(in_argument) + 1;
        if depth > MAX_DEPTH {
            return Err(Reason::TooDeep);
        }
        let result = inner.result.clone();
        let function = Function::Applied { argument, argument_type, inner };
        Ok(Self { parameter, result, depth, function: Some(function) })
    }

    /// The type of its parameter.
    pub fn parameter(&self) -> &Type {
        &self.parameter
    }

    /// The type of its result.
    pub fn result(&self) -> &Type {
        &self.result
    }

    pub(crate) fn function(&self) -> &Function {
        self.function.as_ref().expect("a function is taken out only when it is dropped")
    }
}

impl Value {
    /// The nesting of the most deeply nested function in it.
    fn deepest_function(&self, gas: &mut Gas) -> Result<usize, GasExhaustedError> {
        let mut deepest = 0;
        let mut pending = vec![self];
        while let Some(value) = pending.pop() {
            gas.charge(cost::ELEMENT)?;
            match value {
                Self::Lambda(lambda) => deepest = deepest.max(lambda.depth),
                Self::Pair(pair) => pending.extend([&pair.0, &pair.1]),
                Self::Left(inner) | Self::Right(inner) | Self::Option(Some(inner)) => pending.push(inner),
                Self::List(list) => pending.extend(list.iter()),
                Self::Map(map) => pending.extend(map.values()),
                _ => {}
            }
        }
        Ok(deepest)
    }
}

impl Function {
    /// The code of a function that runs code.
    pub(crate) fn source(code: &Code, number: usize) -> Micheline {
        code.source.node(number).cloned().unwrap_or_else(|| Micheline::seq([]))
    }
}

thread_local! {
    // Functions waiting to be dropped, while one is being dropped.
    static DROPPING: RefCell<Option<Vec<Function>>> = const { RefCell::new(None) };
}

/// `APPLY` can nest functions without any limit but gas, so they are dropped one after another, not one inside another.
impl Drop for Lambda {
    fn drop(&mut self) {
        let Some(function) = self.function.take() else { return };
        let first = DROPPING.try_with(|waiting| {
            let mut waiting = waiting.borrow_mut();
            match waiting.as_mut() {
                Some(waiting) => {
                    waiting.push(function);
                    None
                }
                None => {
                    *waiting = Some(Vec::new());
                    Some(function)
                }
            }
        });
        let Ok(Some(mut function)) = first else { return };
        loop {
            drop(function);
            let next = DROPPING.with(|waiting| waiting.borrow_mut().as_mut().and_then(Vec::pop));
            match next {
                Some(next) => function = next,
                None => break,
            }
        }
        DROPPING.with(|waiting| *waiting.borrow_mut() = None);
    }
}
