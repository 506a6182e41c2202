//! The stack, branches, loops and functions.

use super::RunError;
use super::machine::{Machine, Next, Pointer, Then};
use crate::gas::cost;
use crate::typecheck::{Code, Instruction as I};
use crate::values::{Form, Function, Lambda, Value, unshare};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn control(&mut self, instruction: &I, code: &Arc<Code>) -> Result<Next, RunError> {
        match instruction {
            I::Drop(n) => {
                let keep = self.stack.len().saturating_sub(*n);
                self.stack.truncate(keep);
                Ok(Next::Continue)
            }
            I::Dup(depth) => {
                let value = self.stack[self.index(*depth)?].clone();
                self.push(value)
            }
            I::Swap => {
                let index = self.index(1)?;
                self.stack.swap(index, index + 1);
                Ok(Next::Continue)
            }
            I::Dig(depth) => {
                self.gas.charge(cost::of(*depth, cost::MOVED))?;
                let index = self.index(*depth)?;
                let value = self.stack.remove(index);
                self.push(value)
            }
            I::Dug(depth) => {
                self.gas.charge(cost::of(*depth, cost::MOVED))?;
                let index = self.index(*depth)?;
                let value = self.pop()?;
                self.stack.insert(index, value);
                Ok(Next::Continue)
            }
            I::Push(value) => self.push(value.clone()),
            I::Dip(n, block) => {
                self.gas.charge(cost::of(*n, cost::MOVED))?;
                let kept = self.stack.split_off(self.stack.len().saturating_sub(*n));
                Ok(Next::Enter(*block, Then::Undip(kept)))
            }
            I::If(yes, no) => {
                let block = if self.pop_bool()? { yes } else { no };
                Ok(Next::Enter(*block, Then::Nothing))
            }
            I::IfNone(none, some) => match self.pop()? {
                Value::Option(None) => Ok(Next::Enter(*none, Then::Nothing)),
                Value::Option(Some(value)) => {
                    self.stack.push(unshare(value));
                    Ok(Next::Enter(*some, Then::Nothing))
                }
                _ => Err(self.fault("an option")),
            },
            I::IfLeft(left, right) => {
                let (block, value) = match self.pop()? {
                    Value::Left(value) => (left, value),
                    Value::Right(value) => (right, value),
                    _ => return Err(self.fault("an or")),
                };
                self.stack.push(unshare(value));
                Ok(Next::Enter(*block, Then::Nothing))
            }
            I::IfCons(cons, nil) => match self.pop()? {
                Value::List(list) => match list.split() {
                    Some((head, tail)) => {
                        self.stack.push(Value::List(tail));
                        self.stack.push(head);
                        Ok(Next::Enter(*cons, Then::Nothing))
                    }
                    None => Ok(Next::Enter(*nil, Then::Nothing)),
                },
                _ => Err(self.fault("a list")),
            },
            I::Loop(block) => match self.pop_bool()? {
                true => Ok(Next::Enter(*block, Then::Loop(*block))),
                false => Ok(Next::Continue),
            },
            I::LoopLeft(block) => match self.pop()? {
                Value::Left(value) => {
                    self.stack.push(unshare(value));
                    Ok(Next::Enter(*block, Then::LoopLeft(*block)))
                }
                Value::Right(value) => self.push(unshare(value)),
                _ => Err(self.fault("an or")),
            },
            I::Iter(block) => self.iter(*block),
            I::Map(block) => self.map(*block),
            I::Lambda { parameter, result, recursive, block, number } => {
                let function = Function::Code {
                    code: code.clone(),
                    block: *block,
                    number: *number,
                    recursive: *recursive,
                };
                self.push(Value::Lambda(Arc::new(Lambda::new(parameter.clone(), result.clone(), function))))
            }
            I::Exec => {
                let argument = self.pop()?;
                let lambda = self.pop_lambda()?;
                self.exec(lambda, argument)
            }
            I::Apply(argument_type) => {
                let argument = self.pop()?;
                let inner = self.pop_lambda()?;
                let crate::types::Type::Pair(parameter) = inner.parameter() else {
                    return Err(self.fault("a function that takes a pair"));
                };
                let parameter = parameter.1.clone();
                let lambda = Lambda::applied(inner, (argument, argument_type.clone()), parameter, self.gas)?;
                self.push(Value::Lambda(Arc::new(lambda)))
            }
            I::Failwith(ty) => {
                let value = self.pop()?;
                let with = value.to_micheline(ty, Form::Optimized, self.gas)?;
                Err(self.failed(with))
            }
            I::Never => Err(self.fault("nothing: `never` has no values")),
            _ => self.collections(instruction),
        }
    }

    fn exec(&mut self, lambda: Arc<Lambda>, argument: Value) -> Result<Next, RunError> {
        let (mut lambda, mut argument) = (lambda, argument);
        loop {
            match lambda.function() {
                Function::Applied { argument: first, inner, .. } => {
                    self.gas.charge(cost::INSTRUCTION)?;
                    argument = Value::pair(first.clone(), argument);
                    let inner = inner.clone();
                    lambda = inner;
                }
                Function::Code { code, block, recursive, .. } => {
                    let pointer = Pointer::new(code.clone(), *block);
                    let itself = recursive.then(|| Value::Lambda(lambda.clone()));
                    let caller = std::mem::take(&mut self.stack);
                    self.stack.extend(itself);
                    self.stack.push(argument);
                    return Ok(Next::Call(pointer, Then::Return(caller)));
                }
            }
        }
    }

    fn iter(&mut self, block: usize) -> Result<Next, RunError> {
        let values: Vec<Value> = match self.pop()? {
            Value::List(list) => {
                self.gas.charge(cost::of(list.len(), cost::ELEMENT))?;
                list.iter().cloned().collect()
            }
            Value::Set(set) => {
                self.gas.charge(cost::of(set.len(), cost::ELEMENT))?;
                set.iter().cloned().collect()
            }
            Value::Map(map) => {
                self.gas.charge(cost::of(map.len(), cost::ELEMENT))?;
                map.iter().map(|(k, v)| Value::pair(k.clone(), v.clone())).collect()
            }
            _ => return Err(self.fault("a list, a set or a map")),
        };
        let mut rest = values.into_iter();
        match rest.next() {
            Some(first) => {
                self.stack.push(first);
                Ok(Next::Enter(block, Then::Iter(block, rest)))
            }
            None => Ok(Next::Continue),
        }
    }

    fn map(&mut self, block: usize) -> Result<Next, RunError> {
        match self.pop()? {
            Value::List(list) => {
                self.gas.charge(cost::of(list.len(), cost::ELEMENT))?;
                let mut rest = list.iter().cloned().collect::<Vec<_>>().into_iter();
                match rest.next() {
                    Some(first) => {
                        self.stack.push(first);
                        Ok(Next::Enter(block, Then::MapList(block, rest, Vec::new())))
                    }
                    None => self.push(Value::List(list)),
                }
            }
            Value::Map(map) => {
                self.gas.charge(cost::of(map.len(), cost::ELEMENT))?;
                let mut rest = unshare(map).into_iter().collect::<Vec<_>>().into_iter();
                match rest.next() {
                    Some((key, value)) => {
                        self.stack.push(Value::pair(key.clone(), value));
                        Ok(Next::Enter(block, Then::MapMap(block, rest, key, BTreeMap::new())))
                    }
                    None => self.push(Value::Map(Arc::default())),
                }
            }
            Value::Option(Some(value)) => {
                self.stack.push(unshare(value));
                Ok(Next::Enter(block, Then::MapOption))
            }
            none @ Value::Option(None) => self.push(none),
            _ => Err(self.fault("a list, a map or an option")),
        }
    }
}
