//! The description of the RPC, made from the routes: OpenAPI 3.1 for programs, lines for people.

use super::route::{Answer, Route, path_parameter, path_parameters};
use super::routes;
use super::shapes::components;
use axum::Json;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// Made once: it says the same for as long as the process lives.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| describe(&routes()));

/// `/openapi`.
pub(super) async fn openapi() -> Json<Value> {
    Json(DESCRIPTION.clone())
}

/// What the RPC takes and answers, as OpenAPI 3.1.
pub fn description() -> &'static Value {
    &DESCRIPTION
}

fn describe(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.verb.name().to_lowercase()] = operation(route);
    }
    let schemas: Map<String, Value> =
        components().into_iter().map(|(name, schema)| (name.to_owned(), schema.to_json())).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rollup node",
            "description": "The RPC of Soru's rollup node, which is that of the network's rollup node.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn operation(route: &Route) -> Value {
    let in_path = path_parameters(route.path).into_iter().map(|name| {
        let (about, schema) = path_parameter(name);
        json!({"name": name, "in": "path", "required": true, "description": about, "schema": schema.to_json()})
    });
    let in_query = route.query.iter().map(|p| {
        json!({
            "name": p.name, "in": "query", "required": p.required, "description": p.about,
            "schema": p.schema.to_json(),
        })
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let content = match &route.answer {
        Answer::Json(schema) => json!({"application/json": {"schema": schema.to_json()}}),
        Answer::Stream(schema) => json!({"application/json": {"schema": schema.to_json()}}),
        Answer::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
    };
    let fine = match route.answer {
        Answer::Stream(_) => "A stream of values, one in a line.",
        Answer::Json(_) | Answer::Text => "All is well.",
    };
    let errors = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}});
    let mut responses = json!({
        "200": {"description": fine, "content": content},
        "default": {"description": "It went wrong.", "content": errors},
    });
    if route.writes {
        responses["401"] = json!({
            "description": "The RPC is open to others, or the request is for another host, and `rpc-allow` does not name this route.",
            "content": errors,
        });
    }
    let mut out = json!({"description": route.about, "parameters": parameters, "responses": responses});
    if let Some(body) = &route.body {
        out["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body.to_json()}}});
    }
    out
}

/// `/help`: a line for each route.
pub(super) async fn help() -> String {
    let mut out = String::new();
    for route in routes() {
        let query: Vec<&str> = route.query.iter().map(|p| p.name).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}=", query.join("=&")) };
        out.push_str(&format!("{:6} {}{query}\n       {}\n", route.verb.name(), route.path, route.about));
    }
    out
}
