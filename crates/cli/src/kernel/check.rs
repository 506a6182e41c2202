//! `soru kernel check`.

use crate::output;
use crate::pvm::kernel::read_kernel;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use soru_engine::{Finding, Survey, Verdict, survey};
use soru_protocol::operation::MAX_OPERATION_SIZE;
use soru_pvm::Version;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Options {
    /// The kernel: a .wasm file, or a .wat or .wast file of its text
    kernel: PathBuf,
    /// Version of the machine
    #[arg(long, default_value = "2.0.0", value_name = "VERSION")]
    pvm_version: Version,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let kernel = read_kernel(&options.kernel)?;
    let survey = survey(&kernel, options.pvm_version);
    if options.json {
        output::line(to_json(&survey, &kernel, options.pvm_version))?;
    } else {
        show(&survey, &kernel)?;
    }
    let broken: Vec<_> = broken(&survey).map(|finding| finding.rule.name()).collect();
    if broken.is_empty() {
        return Ok(());
    }
    bail!(
        "{} is no kernel for version {} of the machine: {}",
        options.kernel.display(),
        options.pvm_version,
        broken.join(", ")
    )
}

fn broken(survey: &Survey) -> impl Iterator<Item = &Finding> {
    survey.findings.iter().filter(|finding| finding.verdict == Verdict::Broken)
}

/// An error that names the broken rules, if there are any.
pub(super) fn refuse_broken(survey: &Survey, path: &Path, version: Version) -> Result<()> {
    let reasons: Vec<_> = broken(survey)
        .map(|finding| format!("{}: {}", finding.rule.name(), finding.says.join("; ")))
        .collect();
    if reasons.is_empty() {
        return Ok(());
    }
    bail!("{} is no kernel for version {version} of the machine: {}", path.display(), reasons.join("; "))
}

/// Whether the kernel fits into the operation that originates a rollup, whatever else is in there.
pub(super) fn fits(kernel: &[u8]) -> bool {
    /// Most bytes of the operation that are not the kernel: branch, signature, amounts, addresses, the type.
    const REST: usize = 512;
    kernel.len() + REST <= MAX_OPERATION_SIZE
}

pub(super) fn size(kernel: &[u8]) -> String {
    let fits = if fits(kernel) {
        "fits into the operation that originates a rollup"
    } else {
        "too large for one operation: `soru kernel installer` makes an installer for it"
    };
    format!("{} bytes: {fits}", kernel.len())
}

pub(super) fn show(survey: &Survey, kernel: &[u8]) -> Result<()> {
    output::line(format_args!("{:<11} {}", "size", size(kernel)))?;
    for finding in &survey.findings {
        let verdict = match finding.verdict {
            Verdict::Kept => "",
            Verdict::Doubtful => "doubtful: ",
            Verdict::Broken => "broken: ",
        };
        for says in &finding.says {
            output::line(format_args!("{:<11} {verdict}{says}", finding.rule.name()))?;
        }
    }
    Ok(())
}

pub(super) fn to_json(survey: &Survey, kernel: &[u8], version: Version) -> Value {
    let rules: Vec<Value> = survey
        .findings
        .iter()
        .map(|finding| {
            json!({ "rule": finding.rule.name(), "verdict": finding.verdict.name(), "says": finding.says })
        })
        .collect();
    let mut value = json!({
        "valid": survey.is_valid(),
        "pvm_version": version.to_string(),
        "size": kernel.len(),
        "fits_into_an_operation": fits(kernel),
        "rules": rules,
    });
    if let Some(calls) = &survey.call_stack {
        value["call_stack"] = json!({
            "direct": calls.direct,
            "limit": calls.limit,
            "recursive": calls.recursive,
            "indirect": calls.indirect,
        });
    }
    value
}
