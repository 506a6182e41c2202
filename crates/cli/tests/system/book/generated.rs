//! Tables made from the program and the code: the plain test fails when a page is stale, `UPDATE=1` writes it anew.
//!
//! A table stands between `<!-- commands: client -->` or `<!-- options: sandbox run -->` and `<!-- end -->`.

use super::markdown::table_cells;
use super::page::all;
use crate::support::repository;
use soru_pvm::host::{HostFunction, ValueType};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

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
    // Headings divide the options, and commands made of words may follow.
    for line in list.lines().take_while(|line| *line != "Commands:") {
        let text = line.trim();
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            continue;
        }
        if text.starts_with('-') && indent <= 6 {
            let (names, about) = text.split_once("  ").unwrap_or((text, ""));
            found.push((names.to_owned(), about.trim().to_owned()));
        } else if let Some((_, about)) = found.last_mut().filter(|_| !text.is_empty()) {
            about.push_str(if about.is_empty() { "" } else { " " });
            about.push_str(text);
        }
    }
    let mut table = String::from("| option | | default |\n|---|---|---|\n");
    let asked = |names: &str| !names.contains("--help") && !names.contains("--version");
    for (names, mut about) in found.into_iter().filter(|(names, _)| asked(names)) {
        let names: Vec<String> = names.split(", ").map(code).collect();
        let default = bracketed(&mut about, "default").unwrap_or_default();
        let default = match default.contains([' ', '`']) || default.is_empty() {
            true => cell(&default),
            false => code(&default),
        };
        let variable = bracketed(&mut about, "env").unwrap_or_default();
        let values = bracketed(&mut about, "possible values").unwrap_or_default();
        let mut about = cell(about.trim());
        if !variable.is_empty() {
            let _ = write!(about, " (variable `{}`)", variable.trim_end_matches('='));
        }
        if !values.is_empty() {
            let _ = write!(about, ": `{}`", values.replace(", ", "`, `"));
        }
        let _ = writeln!(table, "| {} | {about} | {default} |", names.join(", "));
    }
    table
}

/// Takes `[name: value]` out of a text.
fn bracketed(text: &mut String, name: &str) -> Option<String> {
    let begin = format!("[{name}: ");
    let start = text.find(&begin)?;
    let end = start + text[start..].find(']')?;
    let value = text[start + begin.len()..end].to_owned();
    text.replace_range(start..=end, "");
    Some(value)
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
    let parts =
        std::fs::read_dir(file.with_extension("")).into_iter().flatten().map(|part| part.unwrap().path());
    for part in parts.filter(|part| part.is_file()) {
        text += &std::fs::read_to_string(part).unwrap();
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

#[test]
fn every_key_of_the_rollup_node_s_configuration_has_its_place() {
    const READS: [&str; 7] =
        ["optional", "optional_text", "optional_list", "required", "text", "nested", "number"];
    let page = std::fs::read_to_string(repository("book/src/reference/node-configuration.md")).unwrap();
    let mut keys: Vec<String> = Vec::new();
    for read in READS {
        for before in [format!(".{read}(\""), format!(".{read}( \"")] {
            keys.extend(quoted("crates/node/src/config.rs", &before));
        }
    }
    assert!(keys.len() > 20, "{keys:?}");
    let missing: Vec<&String> = keys.iter().filter(|key| !page.contains(&format!("{key}`"))).collect();
    assert!(missing.is_empty(), "no word about {missing:?}");
}

#[test]
fn every_path_of_the_embedded_layer_1_is_told() {
    let page = std::fs::read_to_string(repository("book/src/reference/sandbox-rpc.md")).unwrap();
    let mut paths: Vec<String> = Vec::new();
    for before in [".route(\"", ".route( \""] {
        paths.extend(quoted("crates/sandbox/src/rpc.rs", before));
    }
    assert!(paths.len() > 80, "only {} paths", paths.len());
    let last = |path: &str| {
        path.split('/').rfind(|step| !step.is_empty() && !step.starts_with('{')).map(str::to_owned)
    };
    let missing: Vec<&String> =
        paths.iter().filter(|path| last(path).is_some_and(|step| !page.contains(&step))).collect();
    assert!(missing.is_empty(), "no word about {missing:#?}");
}

#[test]
fn metrics_are_those_of_the_rollup_node() {
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names = words.filter(|word| word.starts_with("soru_node_") && !word.ends_with('_'));
        // A histogram is told in parts.
        names.map(|name| name.trim_end_matches("_bucket").trim_end_matches("_count").to_owned()).collect()
    };
    let code: String = rust_below(&repository("crates/node/src"));
    let code = words(&code);
    let told: String = all().iter().map(|page| std::fs::read_to_string(repository(page)).unwrap()).collect();
    let told = words(&told);
    assert!(code.len() > 25, "{code:?}");
    let (missing, extra): (Vec<_>, Vec<_>) =
        (code.difference(&told).collect(), told.difference(&code).collect());
    assert!(
        missing.is_empty() && extra.is_empty(),
        "no word about {missing:#?}\nnot in the code: {extra:#?}"
    );
}

/// All Rust below a folder.
pub(super) fn rust_below(dir: &Path) -> String {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.map(|path| match path.extension() {
        _ if path.is_dir() => rust_below(&path),
        Some(extension) if extension == "rs" => std::fs::read_to_string(&path).unwrap(),
        _ => String::new(),
    });
    texts.collect()
}
