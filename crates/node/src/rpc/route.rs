//! A route: where it is, what it takes, what it answers, and who serves it. Router, description and the book's table are
//! all made from the same list of them.

use super::schema::{self, Schema};
use super::{Context, RpcError};
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use serde_json::{Value, json};

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// What comes back when all is well.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// JSON.
    Json(Schema),
    /// JSON, one value in a line, for as long as the client listens or the matter lasts.
    Stream(Schema),
    /// Text.
    Text,
}

/// A parameter behind the question mark.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: Schema,
    pub(crate) required: bool,
}

/// A route.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// With parameters in braces: see [`path_parameter`].
    pub(crate) path: &'static str,
    pub(crate) about: &'static str,
    pub(crate) query: Vec<Parameter>,
    pub(crate) body: Option<Schema>,
    pub(crate) answer: Answer,
    /// Whether others can make the node do something by it: open to the machine, to others by name.
    pub(crate) writes: bool,
    pub(crate) serve: MethodRouter<Context>,
}

impl Route {
    fn new(verb: Verb, path: &'static str, about: &'static str, serve: MethodRouter<Context>) -> Self {
        let answer = Answer::Json(schema::anything());
        Self { verb, path, about, query: Vec::new(), body: None, answer, writes: false, serve }
    }

    /// The answer is JSON of that shape.
    pub(crate) fn answers(self, shape: Schema) -> Self {
        Self { answer: Answer::Json(shape), ..self }
    }

    /// The answer is a stream of JSON of that shape.
    pub(crate) fn streams(self, shape: Schema) -> Self {
        Self { answer: Answer::Stream(shape), ..self }
    }

    /// The answer is text.
    pub(crate) fn answers_text(self) -> Self {
        Self { answer: Answer::Text, ..self }
    }

    /// A parameter may be given.
    pub(crate) fn may_ask(mut self, name: &'static str, schema: Schema, about: &'static str) -> Self {
        self.query.push(Parameter { name, about, schema, required: false });
        self
    }

    /// A parameter has to be given.
    pub(crate) fn asks(mut self, name: &'static str, schema: Schema, about: &'static str) -> Self {
        self.query.push(Parameter { name, about, schema, required: true });
        self
    }

    /// The body is JSON of that shape.
    pub(crate) fn takes(self, shape: Schema) -> Self {
        Self { body: Some(shape), ..self }
    }

    /// It is guarded: only the machine may use it, or everybody if the configuration names it.
    pub(crate) fn guarded(self) -> Self {
        Self { writes: true, ..self }
    }
}

/// A route that reads.
pub(crate) fn get<H: Handler<T, Context>, T: 'static>(
    path: &'static str,
    about: &'static str,
    handler: H,
) -> Route {
    Route::new(Verb::Get, path, about, routing::get(handler))
}

/// A route with a body.
pub(crate) fn post<H: Handler<T, Context>, T: 'static>(
    path: &'static str,
    about: &'static str,
    handler: H,
) -> Route {
    Route::new(Verb::Post, path, about, routing::post(handler))
}

/// A route that takes something away.
pub(crate) fn delete<H: Handler<T, Context>, T: 'static>(
    path: &'static str,
    about: &'static str,
    handler: H,
) -> Route {
    Route::new(Verb::Delete, path, about, routing::delete(handler))
}

/// What a parameter of a path is.
pub(crate) fn path_parameter(name: &str) -> (&'static str, Schema) {
    match name {
        "block_id" => {
            const IDS: &str = "^(head|finalized|cemented|[0-9]{1,9}|B[1-9A-HJ-NP-Za-km-z]{50})$";
            ("`head`, `finalized`, `cemented`, a level, or a block hash", schema::matching(IDS))
        }
        "level" => ("a level", schema::level()),
        "commitment_hash" => ("hash of a commitment", schema::base58(&["scc1", "src1"])),
        "l2_message_id" => {
            ("identifier of a message, as `/local/batcher/injection` gave it", schema::base58(&["scmsg"]))
        }
        _ => ("", schema::text()),
    }
}

/// The names in braces of a path.
pub(crate) fn path_parameters(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}')).collect()
}

/// Whether a path is one of the template's.
pub(crate) fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(t), Some(p)) if t == p || (t.starts_with('{') && !p.is_empty()) => (),
            _ => return false,
        }
    }
}

/// The shape of errors.
pub(crate) fn errors() -> Schema {
    use schema::{has, list, object, text, word};
    list(object([
        has("kind", word(&["permanent", "temporary"])),
        has("id", text().about("what went wrong, for programs")),
        has("msg", text().about("what went wrong, for people")),
    ]))
}

/// The answer to a request for a route of the network's node that this one has not.
pub(crate) fn absent(method: &str, path: &str) -> Option<RpcError> {
    let found =
        super::absent::ABSENT.iter().find(|absent| absent.verb == method && matches(absent.path, path))?;
    Some(RpcError::not_found(format!("there is no RPC at {path}: {}", found.why)))
}

/// A value that says nothing but that all went well.
pub(crate) fn done() -> Value {
    json!({})
}
