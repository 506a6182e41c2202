//! Runs the Michelson unit tests (`.tzt`) of a folder: `cargo run -p soru-conformance --bin tzt -- FOLDER`.
//!
//! It prints the tests that did not pass, and the counts. It ends with 1 if a test failed or none was found, with 2 if the folder
//! cannot be read.

use soru_conformance::tzt::run_folder;
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
