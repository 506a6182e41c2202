//! The report as tables.

use super::Report;
use super::summary::{ratios, summary};
use super::table::Table;
use crate::engine::{Engine, RIVALS};
use crate::samples::Samples;
use crate::speed::KernelSpeed;
use serde_json::Value;

/// What was measured where, in a sentence or two.
pub(super) fn circumstances(report: &Report) -> String {
    let host = &report.host;
    let memory =
        host.memory_bytes.map(|bytes| format!(", {} GiB of memory", bytes >> 30)).unwrap_or_default();
    let build =
        if host.optimised { "a release build" } else { "a development build, whose figures say nothing" };
    let kind = if report.quick { "`soru bench --quick`" } else { "`soru bench`" };
    format!("{kind}, {build}: {} cores of {}{memory}, {}.", host.cores, host.processor, host.system)
}

pub(super) fn all(report: &Report) -> Vec<Table> {
    let mut tables = Vec::new();
    if let Some(kernels) = &report.kernels {
        tables.push(rates(kernels));
        tables.push(ratio_table(kernels));
        tables.push(firsts(kernels));
    }
    tables.extend(disputes(report));
    tables.extend(messages(report));
    tables.extend(catch_up(report));
    tables.extend(commit(report));
    tables.push(summary_table(report));
    tables
}

fn rates(kernels: &[KernelSpeed]) -> Table {
    let title = "Millions of ticks a second: median of the rounds (smallest–largest)";
    per_engine(title, kernels, |kernel, engine| {
        let rate = kernel.of(engine)?.rate();
        Some(spread(&rate.map(|rate| rate / 1e6), millions))
    })
}

fn firsts(kernels: &[KernelSpeed]) -> Table {
    let title = "Milliseconds from the kernel's bytes to the end of a first run with next to no work";
    per_engine(title, kernels, |kernel, engine| Some(decimals(kernel.of(engine)?.first * 1e3)))
}

fn per_engine(
    title: &str,
    kernels: &[KernelSpeed],
    cell: impl Fn(&KernelSpeed, Engine) -> Option<String>,
) -> Table {
    let names = kernels.iter().map(|kernel| kernel.bench.name());
    let head: Vec<&str> = ["engine"].into_iter().chain(names).collect();
    let mut table = Table::new(title, &head);
    for engine in Engine::all() {
        let cells = kernels.iter().map(|kernel| cell(kernel, engine).unwrap_or_else(|| "–".to_owned()));
        table.row([engine.name().to_owned()].into_iter().chain(cells));
    }
    if !RIVALS {
        table.title.push_str("; engines of others are in builds with the feature `rivals`");
    }
    table
}

fn ratio_table(kernels: &[KernelSpeed]) -> Table {
    let names = kernels.iter().map(|kernel| kernel.bench.name());
    let head: Vec<&str> = ["time of … over that of …"].into_iter().chain(names).collect();
    let mut table = Table::new("How many times as long: median of the rounds (smallest–largest)", &head);
    let ratios = ratios(kernels);
    let mut pairs: Vec<(Engine, Engine)> = ratios.iter().map(|ratio| (ratio.slow, ratio.fast)).collect();
    pairs.dedup();
    for (slow, fast) in pairs {
        let cell = |kernel: &KernelSpeed| match kernel.ratio(slow, fast) {
            Some(samples) => spread(&samples, |ratio| format!("{ratio:.2}")),
            None => "–".to_owned(),
        };
        table.row([format!("{} / {}", slow.name(), fast.name())].into_iter().chain(kernels.iter().map(cell)));
    }
    table
}

fn disputes(report: &Report) -> Option<Table> {
    let head = [
        "kernel",
        "ticks of the run",
        "evaluation, s",
        "first dissection, s",
        "slowest of the next, s",
        "moves",
        "proof, s",
        "proof, bytes",
    ];
    let mut table = Table::new("A dispute about one run: what the honest player's moves take", &head);
    for dispute in report.disputes.as_ref()? {
        let bytes = dispute.moves.iter().filter_map(|found| found.proof).next();
        table.row([
            dispute.bench.name().to_owned(),
            grouped(dispute.ticks),
            decimals(dispute.evaluation),
            decimals(dispute.first_dissection()),
            decimals(dispute.next_dissection()),
            dispute.moves.len().to_string(),
            decimals(dispute.proof()),
            bytes.map_or_else(|| "–".to_owned(), |bytes| grouped(bytes as u64)),
        ]);
    }
    Some(table)
}

fn messages(report: &Report) -> Option<Table> {
    let head = ["compiler, messages a level", "ms a level", "messages a second"];
    let mut table = Table::new("Messages of 100 bytes through `echo`, without layer-1 and disk", &head);
    for cost in report.messages.as_ref()? {
        table.row([
            format!("{}, {}", cost.compiler.name(), grouped(cost.messages.into())),
            spread(&cost.seconds.map(|seconds| seconds * 1e3), decimals),
            spread(&cost.rate(), |rate| grouped(rate as u64)),
        ]);
    }
    Some(table)
}

fn catch_up(report: &Report) -> Option<Table> {
    let cost = report.catch_up.as_ref()?;
    let title = format!("{} levels of {} messages", grouped(cost.levels.into()), cost.messages);
    let mut table = Table::new(title, &["", "value"]);
    let mut row = |what: &str, value: String| table.row([what.to_owned(), value]);
    let levels = f64::from(cost.levels);
    row("layer-1: levels made a second", grouped((levels / cost.made.as_secs_f64()) as u64));
    row("node: levels caught up a second", grouped(cost.rate() as u64));
    row("the same in messages", grouped((cost.rate() * f64::from(cost.messages)) as u64));
    row("node: seconds", decimals(cost.time.as_secs_f64()));
    row("of these at work on levels", decimals(cost.at_work.as_secs_f64()));
    row("a write of 16 KiB until it is safe, ms", decimals(cost.synced_write.as_secs_f64() * 1e3));
    let kib = |bytes: u64| decimals(bytes as f64 / levels / 1024.0);
    row("layer-1: KiB on disk a level", kib(cost.layer1_bytes));
    row("node: KiB on disk a level", kib(cost.node_bytes));
    row("of these in states", kib(cost.state_bytes));
    Some(table)
}

fn commit(report: &Report) -> Option<Table> {
    let cost = report.commit.as_ref()?;
    let (changes, keys) = (cost.changes, grouped(cost.keys.into()));
    let title =
        format!("A level that changes {changes} of {keys} keys, in a database of {} MiB", cost.bytes >> 20);
    let mut table = Table::new(title, &["", "ms"]);
    let ms = |samples: &Samples| spread(&samples.map(|seconds| seconds * 1e3), decimals);
    table.row(["changing the state".to_owned(), ms(&cost.writing)]);
    table.row(["storing it: hashing, writing, waiting for the disk".to_owned(), ms(&cost.commit)]);
    Some(table)
}

fn summary_table(report: &Report) -> Table {
    let mut table = Table::new("Summary, as `--json` has it", &["", "value"]);
    if let Value::Object(summary) = summary(report) {
        for (key, value) in summary {
            let value = if value.is_null() { "–".to_owned() } else { value.to_string() };
            table.row([format!("`{key}`"), value]);
        }
    }
    table
}

/// A median with its range; one number if there is but one.
fn spread(samples: &Samples, show: impl Fn(f64) -> String) -> String {
    let (min, max) = samples.range();
    match samples.0.len() {
        0 => "–".to_owned(),
        1 => show(min),
        _ => format!("{} ({}–{})", show(samples.median()), show(min), show(max)),
    }
}

/// Three digits, whatever the size.
fn decimals(value: f64) -> String {
    match value {
        value if value >= 100.0 => grouped(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

fn millions(value: f64) -> String {
    if value >= 100.0 { grouped(value.round() as u64) } else { format!("{value:.1}") }
}

/// With commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_the_book_has_them() {
        assert_eq!(grouped(11_000_000_000), "11,000,000,000");
        assert_eq!(grouped(7), "7");
        assert_eq!(decimals(0.01234), "0.012");
        assert_eq!(decimals(1234.6), "1,235");
        assert_eq!(spread(&Samples(vec![3.0, 1.0, 2.0]), decimals), "2.00 (1.00–3.00)");
        assert_eq!(spread(&Samples(vec![3.0]), decimals), "3.00");
    }
}
