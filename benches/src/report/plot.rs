//! Ticks a second, drawn: for each kernel a bar for each engine, on a logarithmic scale.

use crate::engine::Engine;
use crate::speed::KernelSpeed;
use std::fmt::Write;

const LEFT: f64 = 170.0;
const WIDTH: f64 = 560.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 34.0;
const BAR: f64 = 14.0;
const GAP: f64 = 30.0;
/// Decades of the scale: from ten million ticks a second to a million millions.
const DECADES: std::ops::RangeInclusive<i32> = 7..=12;

/// The drawing. It takes the colour of the page's text, and is readable on dark pages.
pub(super) fn svg(kernels: &[KernelSpeed]) -> String {
    let rows: usize = kernels.iter().map(|kernel| kernel.engines.len()).sum();
    let height = TOP + rows as f64 * BAR + kernels.len() as f64 * GAP + 24.0;
    let width = LEFT + WIDTH + RIGHT;
    let mut out = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11" role="img">
<title>Millions of ticks a second, by kernel and engine, on a logarithmic scale</title>
<style>text {{ fill: #444 }} @media (prefers-color-scheme: dark) {{ text {{ fill: #bbb }} }}</style>
"#
    );
    for decade in DECADES {
        let x = place(10f64.powi(decade));
        let bottom = height - 20.0;
        // A writer of text that is in memory does not fail.
        let _ = writeln!(
            out,
            r##"<line x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{bottom}" stroke="#8884" /><text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"##,
            TOP - 8.0,
            scale_name(decade),
        );
    }
    let _ = writeln!(out, r#"<text x="8" y="{:.1}">ticks a second</text>"#, TOP - 8.0);
    let mut y = TOP;
    for kernel in kernels {
        y += GAP - 10.0;
        let _ = writeln!(out, r#"<text x="8" y="{y:.1}" font-weight="bold">{}</text>"#, kernel.bench.name());
        y += 6.0;
        for speed in &kernel.engines {
            bar(&mut out, speed.engine, speed.rate().median(), speed.rate().range(), y);
            y += BAR;
        }
        y += 4.0;
    }
    out.push_str("</svg>\n");
    out
}

fn bar(out: &mut String, engine: Engine, rate: f64, (min, max): (f64, f64), y: f64) {
    let (x, middle) = (place(rate), y + BAR / 2.0);
    let text = middle + 4.0;
    let _ = writeln!(
        out,
        r##"<text x="{:.1}" y="{text:.1}" text-anchor="end">{}</text><rect x="{LEFT}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{}" /><line x1="{:.1}" x2="{:.1}" y1="{middle:.1}" y2="{middle:.1}" stroke="#0008" /><text x="{:.1}" y="{text:.1}">{}</text>"##,
        LEFT - 6.0,
        engine.name(),
        y + 1.0,
        x - LEFT,
        BAR - 2.0,
        colour(engine),
        place(min),
        place(max),
        place(max).max(x) + 4.0,
        rate_name(rate),
    );
}

fn place(rate: f64) -> f64 {
    let (first, last) = (f64::from(*DECADES.start()), f64::from(*DECADES.end()));
    let part = (rate.max(1.0).log10() - first) / (last - first);
    LEFT + part.clamp(0.0, 1.0) * WIDTH
}

fn colour(engine: Engine) -> &'static str {
    match engine {
        Engine::Reference => "#8c564b",
        Engine::TickExact => "#d62728",
        Engine::Metered(_) => "#1f77b4",
        Engine::Unmetered(_) => "#7fb2d9",
        Engine::Plain(_) => "#9a9a9a",
        Engine::Wasmer | Engine::Wasmi => "#c7c7c7",
    }
}

fn scale_name(decade: i32) -> String {
    match decade {
        ..9 => format!("{} M", 10f64.powi(decade - 6)),
        _ => format!("{} G", 10f64.powi(decade - 9)),
    }
}

fn rate_name(rate: f64) -> String {
    match rate {
        rate if rate >= 1e9 => format!("{:.1} G/s", rate / 1e9),
        rate => format!("{:.0} M/s", rate / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Bench;
    use crate::samples::Samples;
    use crate::speed::EngineSpeed;

    #[test]
    fn a_bar_is_as_long_as_its_rate_on_the_scale() {
        let at = |rate| (place(rate) - LEFT) / WIDTH;
        assert_eq!((at(1e7), at(1e12)), (0.0, 1.0));
        assert!((at(1e9) - 0.4).abs() < 1e-9);
        // What is off the scale stays in the drawing.
        assert_eq!((at(1.0), at(1e15)), (0.0, 1.0));
    }

    #[test]
    fn every_engine_has_its_bar() {
        let speed = |engine| EngineSpeed { engine, ticks: 10, seconds: Samples(vec![1.0]), first: 1.0 };
        let engines: Vec<EngineSpeed> = Engine::all().into_iter().map(speed).collect();
        let drawn = svg(&[KernelSpeed { bench: Bench::Compute, bytes: 1, engines }]);
        assert_eq!(drawn.matches("<rect").count(), Engine::all().len());
        assert!(Engine::all().iter().all(|engine| drawn.contains(engine.name())));
    }
}
