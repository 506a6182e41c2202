//! The picture of a game: a bar for what is in dispute, narrower with every move.

use super::record::{GameRecord, Interval};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::time::Duration;

/// Columns of a whole period.
pub(super) const WIDTH: usize = 32;

/// A stretch of the picture, in columns.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    left: f64,
    width: f64,
}

/// The bar of what is in dispute after the last move. Its width is the logarithm of the ticks; it lies within the bar
/// before it, as far to the right as the section chosen lies in what was cut.
pub(super) fn bar(game: &GameRecord) -> String {
    let mut intervals = game.moves.iter().map(|one| one.interval);
    let Some(mut outer) = intervals.next() else { return String::new() };
    let whole = weight(outer);
    let mut stretch = Stretch { left: 0.0, width: WIDTH as f64 };
    for inner in intervals {
        stretch = within(stretch, outer, inner, WIDTH as f64 * weight(inner) / whole);
        outer = inner;
    }
    draw(stretch)
}

/// One bit more than the ticks have, so that a single tick can still be seen.
fn weight(interval: Interval) -> f64 {
    f64::from(65 - interval.span().0.leading_zeros())
}

fn within(stretch: Stretch, outer: Interval, inner: Interval, width: f64) -> Stretch {
    let width = width.clamp(1.0, stretch.width.max(1.0));
    let room = outer.span().0.saturating_sub(inner.span().0);
    let before = inner.start.since(outer.start).0.min(room);
    let share = if room == 0 { 0.0 } else { before as f64 / room as f64 };
    Stretch { left: stretch.left + (stretch.width - width) * share, width }
}

fn draw(stretch: Stretch) -> String {
    let left = (stretch.left.round() as usize).min(WIDTH - 1);
    let width = (stretch.width.round() as usize).clamp(1, WIDTH - left);
    format!("▕{}{}{}▏", " ".repeat(left), "█".repeat(width), " ".repeat(WIDTH - left - width))
}

/// The bars of all games at the bottom of a terminal; nothing elsewhere.
pub(super) struct Live {
    bars: Option<(MultiProgress, Vec<ProgressBar>)>,
}

impl Live {
    pub(super) fn new(live: bool) -> Self {
        Self { bars: live.then(|| (MultiProgress::new(), Vec::new())) }
    }

    /// Shows a text as that of a game.
    pub(super) fn show(&mut self, game: usize, text: String) {
        let Some((all, bars)) = &mut self.bars else { return };
        while bars.len() <= game {
            let bar = all.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("    {spinner:.cyan} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bars.push(bar);
        }
        bars[game].set_message(text);
    }

    /// A game is over: its bar goes.
    pub(super) fn done(&mut self, game: usize) {
        if let Some(bar) = self.bars.as_ref().and_then(|(_, bars)| bars.get(game)) {
            bar.finish_and_clear();
        }
    }

    /// Prints something without disturbing the picture.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bars {
            Some((all, _)) => all.suspend(print),
            None => print(),
        }
    }

    /// Takes all bars away.
    pub(super) fn clear(&mut self) {
        if let Some((all, bars)) = &mut self.bars {
            for bar in bars.drain(..) {
                bar.finish_and_clear();
            }
            let _ = all.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::Tick;

    fn interval(start: u64, stop: u64) -> Interval {
        Interval { start: Tick(start), stop: Tick(stop) }
    }

    fn narrowed(outer: Interval, inner: Interval) -> Stretch {
        let whole = Stretch { left: 0.0, width: WIDTH as f64 };
        within(whole, outer, inner, WIDTH as f64 * weight(inner) / weight(outer))
    }

    #[test]
    fn a_section_lies_within_what_was_cut() {
        let outer = interval(0, 1 << 36);
        for (start, stop) in [(0, 1 << 30), (1 << 35, (1 << 35) + 1), ((1 << 36) - 1, 1 << 36), (0, 1 << 36)]
        {
            let inner = narrowed(outer, interval(start, stop));
            assert!(inner.left >= 0.0 && inner.width >= 1.0, "{inner:?}");
            assert!(inner.left + inner.width <= WIDTH as f64 + 1e-9, "{inner:?}");
        }
        assert_eq!(narrowed(outer, interval(0, 1)).left, 0.0);
        let last = narrowed(outer, interval((1 << 36) - 1, 1 << 36));
        assert_eq!(last.left + last.width, WIDTH as f64);
    }

    #[test]
    fn a_bar_always_takes_the_same_columns() {
        for (left, width) in [(0.0, 32.0), (31.9, 0.2), (40.0, 3.0), (10.4, 7.6)] {
            assert_eq!(draw(Stretch { left, width }).chars().count(), WIDTH + 2, "{left} {width}");
        }
    }
}
