//! Tables made from the program and the code: the plain test fails when a page is stale, `UPDATE=1` writes it anew.
//!
//! A table stands between `<!-- commands: client -->` or `<!-- options: sandbox run -->` and `<!-- end -->`.

use super::markdown::table_cells;
use super::page::all;
use crate::support::repository;
use soru_pvm::host::{HostFunction, ValueType};
use std::collections::BTreeMap;
use std::fmt::Write as _;

#[test]
fn commands_and_options_are_those_of_the_program() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut tables = 0;
    for page in all() {
        let path = repository(&page);
        let old = std::fs::read_to_string(&path).unwrap();
        let new = with_tables(&old, &mut tables);
        if update {
            std::fs::write(&path, &new).unwrap();
        } else if let Some((found, expected)) = old.lines().zip(new.lines()).find(|(a, b)| a != b) {
            panic!("{page} is stale: UPDATE=1 writes it anew\n  has    {found}\n  wanted {expected}");
        } else {
            assert_eq!(old, new, "{page} is stale: UPDATE=1 writes it anew");
        }
    }
    assert!(tables > 15, "only {tables} tables");
}

/// The page with its tables made anew.
fn with_tables(page: &str, tables: &mut usize) -> String {
    let mut new = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        new.push_str(line);
        new.push('\n');
        let asked =
            line.strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->")).and_then(|l| l.split_once(": "));
        let table = match asked {
            Some(("commands", program)) => commands(&help(program)),
            Some(("options", program)) => options(&help(program)),
            _ => continue,
        };
        let end = lines.by_ref().find(|line| *line == "<!-- end -->");
        assert!(end.is_some(), "no end behind {line}");
        *tables += 1;
        let _ = write!(new, "\n{table}\n<!-- end -->\n");
    }
    new
}

fn help(program: &str) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_soru"));
    command.args(program.split(' ')).arg("--help").env_remove("OCTEZ_WASMER_COMPILER");
    let output = command.output().unwrap();
    assert!(output.status.success(), "no help for {program}");
    String::from_utf8(output.stdout).unwrap()
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('>', "&gt;")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

const OF_OPERATIONS: &str = "`--fee`, `--gas-limit`, `--storage-limit`, `--burn-cap`, `--fee-cap`, `--wait`";

/// The commands made of words, with what they do and the options they take.
fn commands(help: &str) -> String {
    let mut table = String::from("| words | | options |\n|---|---|---|\n");
    let (_, list) = help.split_once("\nCommands:\n").expect("commands");
    let mut lines = list.lines().take_while(|line| !line.is_empty()).peekable();
    // Lines are wrapped: those of the words begin after two blanks, what they mean after six.
    let mut joined = |deep: bool| {
        let mut text = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("      ") == deep) {
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(line.trim());
        }
        text
    };
    loop {
        let (words, about) = (joined(false), joined(true));
        if words.is_empty() {
            break;
        }
        let (about, options) =
            about.strip_suffix(']').and_then(|a| a.split_once(" [--")).unwrap_or((&about, ""));
        let options = match options {
            "" => String::new(),
            some => format!("`--{}`", some.replace(", ", "`, `")),
        };
        let options = options.replace(OF_OPERATIONS, "those of operations");
        let _ = writeln!(table, "| {} | {} | {options} |", code(&words), cell(about));
    }
    table
}

/// The options, with what they mean and what holds without them.
fn options(help: &str) -> String {
    let mut found: Vec<(String, String)> = Vec::new();
    let (_, list) = help.split_once("\nOptions:\n").expect("options");
    for line in list.lines().take_while(|line| line.is_empty() || line.starts_with(' ')) {
        let text = line.trim();
        let indent = line.len() - line.trim_start().len();
        if text.starts_with('-') && indent <= 6 {
            let (names, about) = text.split_once("  ").unwrap_or((text, ""));
            found.push((names.to_owned(), about.trim().to_owned()));
        } else if let Some((_, about)) = found.last_mut().filter(|_| !text.is_empty()) {
            about.push_str(if about.is_empty() { "" } else { " " });
            about.push_str(text);
        }
    }
    let mut table = String::from("| option | | default |\n|---|---|---|\n");
    for (names, about) in
        found.into_iter().filter(|(names, _)| !names.contains("--help") && !names.contains("--version"))
    {
        let names: Vec<String> = names.split(", ").map(code).collect();
        let (about, default) = match about.split_once("[default: ") {
            Some((before, rest)) => {
                let (default, after) = rest.split_once(']').unwrap_or((rest, ""));
                let default = if default.contains([' ', '`']) { cell(default) } else { code(default) };
                (format!("{}{after}", before.trim_end()), default)
            }
            None => (about, String::new()),
        };
        let (about, variable) = match about.split_once(" [env: ") {
            Some((about, variable)) => {
                (about, format!(" (variable `{}`)", variable.trim_end_matches(['=', ']'])))
            }
            None => (about.as_str(), String::new()),
        };
        let _ = writeln!(table, "| {} | {}{variable} | {default} |", names.join(", "), cell(about));
    }
    table
}

/// The first cells of all tables of a page that are a single span of code, with the next cells.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(repository(page)).unwrap();
    let rows = text.lines().filter_map(table_cells).filter_map(|cells| {
        let name = cells.first()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        Some((name, cells[1..].to_vec()))
    });
    rows.collect()
}

#[test]
fn host_functions_are_those_of_the_machine() {
    let rows = rows("book/src/reference/host-functions.md");
    for function in HostFunction::ALL {
        let row = rows.get(function.name()).unwrap_or_else(|| panic!("{} is missing", function.name()));
        let parameters = row[0].split(',').count();
        assert_eq!(parameters, function.params().len(), "parameters of {}", function.name());
        let long = function.params().iter().filter(|t| **t == ValueType::I64).count();
        assert_eq!(row[0].matches("(`i64`)").count(), long, "types of {}", function.name());
        let since = row.get(2).map_or("2.0.0", String::as_str);
        assert_eq!(since, function.since().to_string(), "first version of {}", function.name());
    }
    let functions =
        rows.keys().filter(|name| HostFunction::ALL.iter().all(|f| f.name() != *name)).collect::<Vec<_>>();
    assert!(functions.is_empty(), "not the machine's: {functions:?}");
}

/// The texts between quotation marks behind a word, in a source file and in those of the folder of that name.
fn quoted(path: &str, before: &str) -> Vec<String> {
    let file = repository(path);
    let mut text = std::fs::read_to_string(&file).unwrap_or_default();
    for part in std::fs::read_dir(file.with_extension("")).into_iter().flatten() {
        text += &std::fs::read_to_string(part.unwrap().path()).unwrap();
    }
    assert!(!text.is_empty(), "no such file: {path}");
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = text.split(before).skip(1).filter_map(|rest| rest.split('"').next());
    found.map(str::to_owned).collect()
}

#[test]
fn every_error_of_the_code_is_in_the_list_and_nothing_else() {
    const LEDGER: &str = "crates/protocol/src/ledger/error.rs";
    let mut expected: BTreeMap<String, String> = BTreeMap::new();
    for kind in ["Temporary", "Branch", "Permanent"] {
        let ids = quoted(LEDGER, &format!("{kind} \""));
        expected.extend(ids.into_iter().map(|id| (id, kind.to_lowercase())));
    }
    let others = [
        ("crates/protocol/src/refutation/error.rs", "=> \""),
        ("crates/protocol/src/refutation/error.rs", "=> { \""),
        ("crates/node/src/rpc/error.rs", "id: \""),
        ("crates/node/src/rpc/error.rs", "=> \""),
        ("crates/sandbox/src/rpc/error.rs", "\"permanent\", \""),
        ("crates/sandbox/src/rpc/mempool.rs", "\"id\": \""),
        ("crates/sandbox/src/mempool.rs", "\"id\": \""),
        ("crates/sandbox/src/chain/mod.rs", "\"id\": \""),
    ];
    for (path, before) in others {
        for id in quoted(path, before) {
            expected.entry(id).or_default();
        }
    }
    let rows = rows("book/src/reference/errors.md");
    let missing: Vec<&String> = expected.keys().filter(|id| !rows.contains_key(*id)).collect();
    let extra: Vec<&String> = rows.keys().filter(|id| !expected.contains_key(*id)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nnot in the code: {extra:#?}");
    for (id, kind) in expected.iter().filter(|(_, kind)| !kind.is_empty()) {
        assert_eq!(&rows[id][0], kind, "the kind of {id}");
    }
}
