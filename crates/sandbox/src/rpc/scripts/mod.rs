//! Trying scripts out: running, typing, and writing data in other forms. Nothing of it is kept.

mod ask;
mod asked;
mod circumstances;
mod failure;
mod forms;
mod interfaces;
mod run;
mod scratch;
mod typing;

pub(super) use asked::Members;
pub(super) use failure::prefix;
pub(super) use forms::form_of;

use super::app::App;
use axum::Router;
use axum::routing::post;

/// `…/helpers/scripts/…`, but for what tries operations out.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/run_code", post(run::run_code))
        .route("/run_instruction", post(run::run_instruction))
        .route("/run_view", post(ask::run_view))
        .route("/run_script_view", post(ask::run_script_view))
        .route("/typecheck_code", post(typing::typecheck_code))
        .route("/typecheck_data", post(typing::typecheck_data))
        .route("/script_size", post(typing::script_size))
        .route("/pack_data", post(forms::pack_data))
        .route("/normalize_data", post(forms::normalize_data))
        .route("/normalize_stack", post(forms::normalize_stack))
        .route("/normalize_script", post(forms::normalize_script))
        .route("/normalize_type", post(forms::normalize_type))
        .route("/entrypoint", post(interfaces::entrypoint))
        .route("/entrypoints", post(interfaces::entrypoints))
}
