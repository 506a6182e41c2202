//! What is going on, on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;

/// A bar on a terminal; elsewhere one line.
pub(crate) fn bar(what: impl Into<String>, steps: u64) -> ProgressBar {
    let (what, bar) = (what.into(), ProgressBar::new(steps));
    if bar.is_hidden() {
        // A reader that went away is no reason to fail.
        let _ = writeln!(std::io::stderr(), "… {what}");
    }
    if let Ok(style) = ProgressStyle::with_template("{prefix:44} {bar:28.cyan/dim} {pos}/{len} {wide_msg}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(what);
    bar
}
