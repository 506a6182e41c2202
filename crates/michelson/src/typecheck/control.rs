//! The stack, branches, loops and functions.

use super::operands::{Operands, args, count, count_or, require, same};
use super::{After, Checker, Instruction as I, Place, Problem, Typed};
use crate::error::{Reason, show_stack};
use crate::micheline::{Cursor, Prim};
use crate::types::{Type, Use};
use crate::values::{Reading, Value};

impl Checker<'_> {
    pub(super) fn control(
        &mut self,
        cursor: Cursor<'_>,
        prim: Prim,
        operands: &mut Operands,
    ) -> Result<Option<Typed>, Problem> {
        let typed = match prim {
            Prim::DROP => {
                let n = count_or(cursor, 1)?;
                if n > 0 {
                    operands.index(n - 1)?;
                }
                operands.drop(n);
                I::Drop(n).into()
            }
            Prim::DUP => {
                let n = count_or(cursor, 1)?;
                let depth = n.checked_sub(1).ok_or_else(|| Problem::unexpected("a number from 1", 0))?;
                let index = operands.index(depth)?;
                let ty = operands.stack_mut()[index].clone();
                require(&ty, Use::Duplicated)?;
                operands.push(ty)?;
                I::Dup(depth).into()
            }
            Prim::SWAP => {
                let [] = args(cursor)?;
                let index = operands.index(1)?;
                operands.stack_mut().swap(index, index + 1);
                I::Swap.into()
            }
            Prim::DIG => {
                let n = count(args::<1>(cursor)?[0])?;
                let index = operands.index(n)?;
                let ty = operands.stack_mut().remove(index);
                operands.push(ty)?;
                I::Dig(n).into()
            }
            Prim::DUG => {
                let n = count(args::<1>(cursor)?[0])?;
                let index = operands.index(n)?;
                let ty = operands.pop("a value")?;
                operands.stack_mut().insert(index, ty);
                I::Dug(n).into()
            }
            Prim::PUSH => {
                let [ty, data] = args(cursor)?;
                let ty = Type::parse_at_for(ty, Use::Pushed)?;
                let mut reading = Reading::literal(self.gas);
                reading.source = Some(self.source.clone());
                let value = Value::parse_at(data, &ty, &mut reading)?;
                operands.push(ty)?;
                I::Push(value).into()
            }
            Prim::DIP => self.dip(cursor, operands)?,
            Prim::IF => {
                operands.take(&Type::Bool)?;
                let stack = operands.take_stack();
                self.branches(cursor, operands, I::If, stack.clone(), stack)?
            }
            Prim::IF_NONE => {
                let Type::Option(inner) = operands.pop("an option")? else {
                    return Err(operands.wrong("an option"));
                };
                let none = operands.take_stack();
                let some = with(&none, [(*inner).clone()]);
                self.branches(cursor, operands, I::IfNone, none, some)?
            }
            Prim::IF_LEFT => {
                let Type::Or(types) = operands.pop("an or")? else { return Err(operands.wrong("an or")) };
                let rest = operands.take_stack();
                let (left, right) = (with(&rest, [types.0.clone()]), with(&rest, [types.1.clone()]));
                self.branches(cursor, operands, I::IfLeft, left, right)?
            }
            Prim::IF_CONS => {
                let ty = operands.pop("a list")?;
                let Type::List(inner) = &ty else { return Err(operands.wrong("a list")) };
                let nil = operands.take_stack();
                let cons = with(&nil, [ty.clone(), (**inner).clone()]);
                self.branches(cursor, operands, I::IfCons, cons, nil)?
            }
            Prim::LOOP => {
                let [body] = args(cursor)?;
                operands.take(&Type::Bool)?;
                let rest = operands.take_stack();
                let block = self.body(body, rest.clone(), &with(&rest, [Type::Bool]))?;
                operands.set_stack(rest);
                I::Loop(block).into()
            }
            Prim::LOOP_LEFT => {
                let [body] = args(cursor)?;
                let ty = operands.pop("an or")?;
                let Type::Or(types) = &ty else { return Err(operands.wrong("an or")) };
                let rest = operands.take_stack();
                let block = self.body(body, with(&rest, [types.0.clone()]), &with(&rest, [ty.clone()]))?;
                operands.set_stack(with(&rest, [types.1.clone()]));
                I::LoopLeft(block).into()
            }
            Prim::ITER => {
                let [body] = args(cursor)?;
                let element = match operands.pop("a list, a set or a map")? {
                    Type::List(element) | Type::Set(element) => (*element).clone(),
                    Type::Map(types) => Type::Pair(types),
                    _ => return Err(operands.wrong("a list, a set or a map")),
                };
                let rest = operands.take_stack();
                let block = self.body(body, with(&rest, [element]), &rest)?;
                operands.set_stack(rest);
                I::Iter(block).into()
            }
            Prim::MAP => self.map(cursor, operands)?,
            Prim::LAMBDA | Prim::LAMBDA_REC => {
                let [parameter, result, body] = args(cursor)?;
                let (parameter, result) = (Type::parse_at(parameter)?, Type::parse_at(result)?);
                let recursive = prim == Prim::LAMBDA_REC;
                let stack = Self::function_stack(&parameter, &result, recursive);
                let place = std::mem::replace(&mut self.place, Place::Function);
                let block = self.returning(body, stack, &result)?;
                self.place = place;
                operands.push(Type::lambda(parameter.clone(), result.clone()))?;
                I::Lambda { parameter, result, recursive, block, number: body.number }.into()
            }
            Prim::EXEC => {
                let [] = args(cursor)?;
                let argument = operands.pop("an argument and a lambda")?;
                let Type::Lambda(types) = operands.pop("a lambda")? else {
                    return Err(operands.wrong("an argument and a lambda"));
                };
                same(&types.0, &argument)?;
                operands.push(types.1.clone())?;
                I::Exec.into()
            }
            Prim::APPLY => {
                let [] = args(cursor)?;
                let argument = operands.pop("an argument and a lambda")?;
                let expected = "an argument and a lambda that takes a pair";
                let Type::Lambda(types) = operands.pop(expected)? else {
                    return Err(operands.wrong(expected));
                };
                let Type::Pair(parameter) = &types.0 else { return Err(operands.wrong(expected)) };
                same(&parameter.0, &argument)?;
                require(&argument, Use::Pushed)?;
                operands.push(Type::lambda(parameter.1.clone(), types.1.clone()))?;
                I::Apply(argument).into()
            }
            Prim::FAILWITH => {
                let [] = args(cursor)?;
                let ty = operands.pop("a value")?;
                require(&ty, Use::Pushed)?;
                Typed { instruction: Some(I::Failwith(ty)), fails: true }
            }
            Prim::NEVER => {
                let [] = args(cursor)?;
                operands.take(&Type::Never)?;
                Typed { instruction: Some(I::Never), fails: true }
            }
            Prim::CAST => {
                let [ty] = args(cursor)?;
                let ty = Type::parse_at(ty)?;
                operands.take(&ty)?;
                operands.push(ty)?;
                Typed::nothing()
            }
            Prim::RENAME => {
                let [] = args(cursor)?;
                operands.index(0)?;
                Typed::nothing()
            }
            _ => return Ok(None),
        };
        Ok(Some(typed))
    }

    fn dip(&mut self, cursor: Cursor<'_>, operands: &mut Operands) -> Result<Typed, Problem> {
        let (n, body) = match cursor.exactly::<1>() {
            Some([body]) => (1, body),
            None => {
                let [n, body] = args(cursor)?;
                (count(n)?, body)
            }
        };
        if n > 0 {
            operands.index(n - 1)?;
        }
        let mut stack = operands.take_stack();
        let kept = stack.split_off(stack.len() - n);
        let (block, after) = self.block(body, stack)?;
        let After::Stack(mut stack) = after else {
            // What fails has to be the last instruction.
            return Err(Reason::Unreachable.into());
        };
        stack.extend(kept);
        operands.set_stack(stack);
        Ok(I::Dip(n, block).into())
    }

    /// Two blocks that must leave the same stack.
    fn branches(
        &mut self,
        cursor: Cursor<'_>,
        operands: &mut Operands,
        make: fn(usize, usize) -> I,
        first: Vec<Type>,
        second: Vec<Type>,
    ) -> Result<Typed, Problem> {
        let [a, b] = args(cursor)?;
        let (block_a, after_a) = self.block(a, first)?;
        let (block_b, after_b) = self.block(b, second)?;
        let mut fails = false;
        match (after_a, after_b) {
            (After::Never, After::Never) => fails = true,
            (After::Stack(stack), After::Never) | (After::Never, After::Stack(stack)) => {
                operands.set_stack(stack)
            }
            (After::Stack(left), After::Stack(right)) if left == right => operands.set_stack(left),
            (After::Stack(left), After::Stack(right)) => {
                let show = |stack: Vec<Type>| show_stack(&stack.into_iter().rev().collect::<Vec<_>>());
                return Err(Reason::Branches { left: show(left), right: show(right) }.into());
            }
        }
        Ok(Typed { instruction: Some(make(block_a, block_b)), fails })
    }

    /// A block run again and again: it must leave a given stack, or fail.
    fn body(&mut self, cursor: Cursor<'_>, before: Vec<Type>, expected: &[Type]) -> Result<usize, Problem> {
        let (block, after) = self.block(cursor, before)?;
        match after {
            After::Stack(stack) if stack != expected => {
                let show = |stack: &[Type]| show_stack(&stack.iter().rev().cloned().collect::<Vec<_>>());
                let expected = format!("a body that leaves {}", show(expected));
                Err(Problem::unexpected(expected, show(&stack)))
            }
            _ => Ok(block),
        }
    }

    fn map(&mut self, cursor: Cursor<'_>, operands: &mut Operands) -> Result<Typed, Problem> {
        let [body] = args(cursor)?;
        let collection = operands.pop("a list, a map or an option")?;
        let element = match &collection {
            Type::List(element) | Type::Option(element) => (**element).clone(),
            Type::Map(types) => Type::Pair(types.clone()),
            _ => return Err(operands.wrong("a list, a map or an option")),
        };
        let rest = operands.take_stack();
        let (block, after) = self.block(body, with(&rest, [element]))?;
        let mut stack = match after {
            After::Stack(stack) => stack,
            After::Never => {
                return Err(Problem::unexpected("a body that leaves a value", "one that always fails"));
            }
        };
        let result = stack.pop().filter(|_| stack == rest).ok_or_else(|| {
            let show = |stack: &[Type]| show_stack(&stack.iter().rev().cloned().collect::<Vec<_>>());
            Problem::unexpected(format!("a body that leaves a value over {}", show(&rest)), show(&stack))
        })?;
        operands.set_stack(rest);
        operands.push(match collection {
            Type::List(_) => Type::list(result),
            Type::Map(types) => Type::map(types.0.clone(), result),
            _ => Type::option(result),
        })?;
        Ok(I::Map(block).into())
    }
}

fn with<const N: usize>(rest: &[Type], top: [Type; N]) -> Vec<Type> {
    rest.iter().cloned().chain(top).collect()
}
