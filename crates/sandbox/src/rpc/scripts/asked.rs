//! What requests about scripts are made of.

use super::super::error::RpcError;
use num_bigint::BigInt;
use serde_json::Value as Body;
use soru_base::json::{field, member};
use soru_base::{Entrypoint, IdFamily, Json, JsonError, Level, Mutez};
use soru_michelson::values::parse_timestamp;
use soru_michelson::{Form, Gas, Micheline};

/// Elements that a list in a request may have.
const MAX_LISTED: usize = 1_000;

/// The members of a request's body.
#[derive(Clone, Copy)]
pub(in super::super) struct Members<'a> {
    body: &'a Body,
    pub(super) family: IdFamily,
}

pub(super) fn refused(error: &JsonError) -> RpcError {
    RpcError::bad_request(format!("in the body{error}"))
}

impl<'a> Members<'a> {
    pub(in super::super) fn new(body: &'a Body, family: IdFamily) -> Self {
        Self { body, family }
    }

    pub(in super::super) fn get<T: Json>(&self, name: &str) -> Result<T, RpcError> {
        field(self.body, name, self.family).map_err(|e| refused(&e))
    }

    pub(super) fn find<T: Json>(&self, name: &str) -> Result<Option<T>, RpcError> {
        match member(self.body, name) {
            Body::Null => Ok(None),
            _ => self.get(name).map(Some),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        !member(self.body, name).is_null()
    }

    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, RpcError> {
        soru_base::json::str_field(self.body, name).map_err(|e| refused(&e))
    }

    fn wrong(&self, name: &str, expected: &str) -> RpcError {
        refused(&JsonError::new(expected, member(self.body, name)).within(name))
    }

    pub(in super::super) fn flag(&self, name: &str, default: bool) -> Result<bool, RpcError> {
        match member(self.body, name) {
            Body::Null => Ok(default),
            Body::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong(name, "a boolean")),
        }
    }

    /// A number of any size, as text or as number.
    fn number(&self, name: &str, expected: &str) -> Result<Option<BigInt>, RpcError> {
        let parsed = match member(self.body, name) {
            Body::Null => return Ok(None),
            Body::String(text) if text.len() < 100 => text.parse().ok(),
            Body::Number(n) => n.to_string().parse().ok(),
            _ => None,
        };
        parsed.map(Some).ok_or_else(|| self.wrong(name, expected))
    }

    /// `gas`: a limit in units of gas. Without it, or above it, the limit of an operation.
    pub(super) fn gas(&self, name: &str, limit: u64) -> Result<Gas, RpcError> {
        let expected = "a natural number of units of gas";
        let units = self.number(name, expected)?.unwrap_or_else(|| limit.into());
        if units < BigInt::ZERO {
            return Err(self.wrong(name, expected));
        }
        let units = u64::try_from(units).unwrap_or(u64::MAX).min(limit);
        Ok(Gas::new(units.saturating_mul(1_000)))
    }

    pub(super) fn level(&self) -> Result<Option<Level>, RpcError> {
        let expected = "a level";
        let Some(number) = self.number("level", expected)? else { return Ok(None) };
        let level = u32::try_from(number).ok().and_then(Level::new);
        level.map(Some).ok_or_else(|| self.wrong("level", expected))
    }

    /// `now`: seconds since 1970, or a date.
    pub(super) fn now(&self) -> Result<Option<i64>, RpcError> {
        let expected = "a date such as 2026-11-22T09:30:00Z, or a number of seconds";
        let seconds = match member(self.body, "now") {
            Body::Null => return Ok(None),
            Body::String(text) => parse_timestamp(text),
            Body::Number(n) => n.as_i64().map(BigInt::from),
            _ => None,
        };
        let seconds = seconds.and_then(|n| i64::try_from(n).ok());
        seconds.map(Some).ok_or_else(|| self.wrong("now", expected))
    }

    pub(super) fn amount(&self, name: &str) -> Result<Option<Mutez>, RpcError> {
        self.find(name)
    }

    pub(super) fn entrypoint(&self) -> Result<Entrypoint, RpcError> {
        Ok(self.find("entrypoint")?.unwrap_or_default())
    }

    /// `unparsing_mode`: how data in the answer are written.
    pub(super) fn form(&self) -> Result<Option<Form>, RpcError> {
        match member(self.body, "unparsing_mode") {
            Body::Null => Ok(None),
            Body::String(mode) => match mode.as_str() {
                "Readable" => Ok(Some(Form::Readable(self.family))),
                "Optimized" => Ok(Some(Form::Optimized)),
                "Optimized_legacy" => Ok(Some(Form::Packed)),
                _ => Err(self.wrong("unparsing_mode", "Readable, Optimized or Optimized_legacy")),
            },
            _ => Err(self.wrong("unparsing_mode", "Readable, Optimized or Optimized_legacy")),
        }
    }

    pub(in super::super) fn required_form(&self) -> Result<Form, RpcError> {
        let wrong = || self.wrong("unparsing_mode", "Readable, Optimized or Optimized_legacy");
        self.form()?.ok_or_else(wrong)
    }

    /// The elements of a list, which need not be there.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Members<'a>>, RpcError> {
        match member(self.body, name) {
            Body::Null => Ok(Vec::new()),
            Body::Array(items) if items.len() <= MAX_LISTED => {
                Ok(items.iter().map(|body| Members { body, family: self.family }).collect())
            }
            _ => Err(self.wrong(name, &format!("an array of at most {MAX_LISTED} elements"))),
        }
    }

    /// `[{"type", "val"}…]`: a stack, its top first.
    pub(super) fn stack(&self, name: &str) -> Result<Vec<(Micheline, Micheline)>, RpcError> {
        if member(self.body, name).is_null() {
            return Err(self.wrong(name, "an array of {\"type\", \"val\"}"));
        }
        self.list(name)?.iter().map(|item| Ok((item.get("type")?, item.get("val")?))).collect()
    }

    /// A number that a big map is known by.
    pub(super) fn big_map_id(&self) -> Result<BigInt, RpcError> {
        let expected = "the number of a big map";
        self.number("id", expected)?.ok_or_else(|| self.wrong("id", expected))
    }
}
