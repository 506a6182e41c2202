//! Flamegraphs.

use crate::folded::Folded;
use inferno::flamegraph::{self, Options};
use thiserror::Error;

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum GraphError {
    /// No tick was counted.
    #[error("a run without ticks has no flamegraph")]
    Empty,
    /// It could not be drawn.
    #[error("cannot draw the flamegraph: {0}")]
    Draw(String),
}

/// A flamegraph as SVG, which needs nothing but itself. The same stacks give the same bytes.
pub fn svg(stacks: &Folded, title: &str) -> Result<String, GraphError> {
    if stacks.ticks() == 0 {
        return Err(GraphError::Empty);
    }
    let mut options = Options::default();
    options.title = title.to_owned();
    options.count_name = "ticks".to_owned();
    options.name_type = "Function:".to_owned();
    // Colours follow from names.
    options.deterministic = true;
    let lines = stacks.to_string();
    let mut picture = Vec::new();
    flamegraph::from_lines(&mut options, lines.lines(), &mut picture)
        .map_err(|error| GraphError::Draw(error.to_string()))?;
    String::from_utf8(picture).map_err(|error| GraphError::Draw(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_needs_nothing_from_elsewhere_and_is_the_same_again() {
        let mut stacks = Folded::default();
        assert!(matches!(svg(&stacks, "none"), Err(GraphError::Empty)));
        stacks.add("kernel_run", 100);
        stacks.add("kernel_run;app::<impl A>::\"b\" & c", 300);
        let picture = svg(&stacks, "a <title>").unwrap();
        assert_eq!(picture, svg(&stacks, "a <title>").unwrap());
        assert!(picture.contains("a &lt;title&gt;"), "{picture}");
        assert!(picture.contains("app::&lt;impl A&gt;"));
        assert!(picture.contains("(300 ticks, 75.00%)"));
        // Names of XML, and texts: comments, and where a fault is to be told.
        for (at, _) in picture.match_indices("http") {
            let url = &picture[at..];
            let known = [
                "http://www.w3.org/",
                "http://github.com/jonhoo/inferno\"",
                "https://github.com/jonhoo/inferno/\"",
                "https://github.com/brendangregg/FlameGraph",
                "http://www.brendangregg.com/",
                "https://web.dev/",
            ];
            assert!(known.iter().any(|known| url.starts_with(known)), "{}", &url[..80]);
        }
        assert!(!picture.contains("src="));
        assert!(!picture.contains("href=\"http"));
        assert!(!picture.contains("@import"));
    }
}
