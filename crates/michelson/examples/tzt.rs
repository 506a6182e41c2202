//! Runs the Michelson unit tests (`.tzt`) in a folder and the folders in it: `cargo run -p soru-michelson --example tzt -- FOLDER`.
//!
//! It prints the tests that did not pass, and the counts. It ends with 1 if a test failed or none was found, with 2 if the folder
//! cannot be read.

use soru_michelson::tzt::Report;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: tzt FOLDER");
        return ExitCode::from(2);
    };
    match run_folder(Path::new(&folder)) {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(u8::from(report.counts()[2] > 0 || report.verdicts.is_empty()))
        }
        Err(error) => {
            eprintln!("cannot read {}: {error}", Path::new(&folder).display());
            ExitCode::from(2)
        }
    }
}

fn run_folder(folder: &Path) -> std::io::Result<Report> {
    let mut report = Report::default();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        for entry in std::fs::read_dir(&path)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "tzt") {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                report.add(&name, &std::fs::read_to_string(&path)?);
            }
        }
    }
    Ok(report)
}
