//! The outcome of the suite as text: for the test of coverage, and for the book.

use crate::kernels::Sum;
use crate::reason::Reason;
use crate::suite::{Report, TARGETS, joined};
use std::fmt::Write;

/// The table of expectations, one line a script, columns apart by tabs.
pub fn expectations(reports: &[Report]) -> String {
    let mut text = format!("script\tdirectives\t{}\tleft out\n", TARGETS.join("\t"));
    for report in reports {
        text.push_str(report.line().trim_end());
        text.push('\n');
    }
    text
}

/// The page of the book.
pub fn page(reports: &[Report]) -> String {
    let mut text = String::from(HEAD);
    let directives: usize = reports.iter().map(|report| report.directives).sum();
    let passed: Vec<usize> = (0..TARGETS.len())
        .map(|target| reports.iter().map(|report| report.tallies[target].passed).sum())
        .collect();
    let _ = writeln!(text, "{} scripts with {directives} directives.\n", reports.len());
    let _ = writeln!(text, "| | {} |\n|---|{}", TARGETS.join(" | "), "--:|".repeat(TARGETS.len()));
    let shown = |counts: &[usize]| counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" | ");
    let _ = writeln!(text, "| passed | {} |", shown(&passed));
    for reason in Reason::ALL {
        let counts = left_out(reports, reason);
        if counts.iter().any(|count| *count > 0) {
            let _ = writeln!(text, "| left out: {reason} | {} |", shown(&counts));
        }
    }
    let failed: Vec<usize> = (0..TARGETS.len())
        .map(|n| reports.iter().map(|report| report.tallies[n].failed.len()).sum())
        .collect();
    let _ = writeln!(text, "| failed | {} |", shown(&failed));
    text.push_str(&as_kernels(reports));
    text.push_str("\n## Reasons\n\n| | |\n|---|---|\n");
    for reason in Reason::ALL {
        if left_out(reports, reason).iter().any(|count| *count > 0) {
            let _ = writeln!(text, "| {reason} | {} |", reason.explanation());
        }
    }
    text.push_str(BEFORE_SCRIPTS);
    let _ = writeln!(text, "| script | directives | passed | left out |\n|---|--:|--:|---|");
    for report in reports {
        let passed: Vec<_> = report.tallies.iter().map(|tally| tally.passed).collect();
        let left_out: Vec<_> =
            report.left_out().iter().map(|(reason, counts)| format!("{reason} {}", joined(counts))).collect();
        let (name, directives) = (&report.name, report.directives);
        let _ = writeln!(text, "| {name} | {directives} | {} | {} |", joined(&passed), left_out.join(", "));
    }
    text
}

fn as_kernels(reports: &[Report]) -> String {
    let mut sum = Sum::default();
    reports.iter().for_each(|report| sum.add(&report.kernels));
    let Sum { kernels, finished, trapped, stuck, counted, uncounted, looks, calls, left } = sum;
    let mut text = format!(
        "\n## As kernels\n\n{AS_KERNELS}\n\
         | | |\n|---|--:|\n| kernels | {kernels} |\n| that return | {finished} |\n| that trap | {trapped} |\n\
         | that leave the machine stuck | {stuck} |\n| calls whose ticks were compared one by one | {calls} |\n\
         | engines' ticks of a whole run that are those of the tick step | {counted} |\n\
         | runs whose ticks an engine does not count | {uncounted} |\n\
         | ticks inside of runs where the whole state was compared | {looks} |\n"
    );
    for ((engine, reason), count) in left {
        let _ = writeln!(text, "| left to the tick step by {engine}: {reason} | {count} |");
    }
    text
}

fn left_out(reports: &[Report], reason: Reason) -> Vec<usize> {
    let of = |target: usize| {
        let counts = reports.iter().filter_map(|report| report.tallies[target].left_out.get(&reason));
        counts.sum()
    };
    (0..TARGETS.len()).map(of).collect()
}

const HEAD: &str = "\
# Conformance to WebAssembly

<!-- Written by `BLESS=1 cargo test -p soru-conformance --test suite`. -->

The official test suite of WebAssembly 2.0, with the scripts on vectors, is run on everything here that runs kernels: the two
compilers, with the rewriting that kernels get, the tick-exact interpreter, and the machine itself, tick by tick. Each directive
either passes on a target or is left out, for one of the reasons below; none fails. Where two targets pass, they gave the same values,
and the same words when they trapped or refused.

";

const AS_KERNELS: &str = "\
The interpreter runs kernels and nothing else, so each module of the suite is made one: its `kernel_run` makes the calls of the
script, with the arguments of the script, and traps where a result is another one than that of the tick step. Calls that return are
made by one kernel, each that traps by one more, after those before it that may have changed something. Modules that no validator
takes become kernels, too, and what is no module at all is taken for one. All engines run these kernels, of those of traps every
tenth, and so does the tick step: they end alike, in the same words, in the same state, after the same number of ticks. The interpreter
alone runs the other traps, to the same words and ticks.
";

const BEFORE_SCRIPTS: &str = "
## By script

One number stands for all targets; else they stand in the order of the table above.

";
