//! Pages run block by block, each page on a machine of its own.

use super::markdown::{Block, blocks};
use super::matching::{begins, compare};
use super::shell::Machine;
use crate::support::{PATIENCE, repository};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

/// Info strings that the tests know, so that a typing error is not a block that nobody runs.
const KNOWN: &[(&str, &[&str])] = &[
    ("sh", &["again", "background", "fails", "ignore", "picture", "repl"]),
    ("text", &["exact", "file", "output"]),
    ("json", &["file", "fragment"]),
    ("rust", &["file", "ignore", "why"]),
    ("toml", &["file"]),
    ("wat", &["file"]),
    ("yaml", &["file"]),
    ("michelson", &["file"]),
    // What is typed and answered at a terminal.
    ("console", &[]),
    // Pieces of programs that other tests run.
    ("js", &[]),
    ("python", &[]),
];

/// Runs all blocks of a page.
fn run(name: &str) {
    let text = std::fs::read_to_string(repository(name)).unwrap();
    let blocks = blocks(&text);
    let mut machine = Machine::new();
    for (number, block) in blocks.iter().enumerate() {
        let fail = |machine: &Machine, why: &str, printed: &str| -> ! {
            panic!(
                "{name}:{}: {why}\n{}\nprinted:\n{printed}\nterminals:\n{}",
                block.line,
                block.text,
                machine.terminals()
            )
        };
        let started = Instant::now();
        if let Some(file) = block.get("file") {
            machine.write(file, &block.text);
        }
        if block.language != "sh" || block.has("ignore") {
            continue;
        }
        let shown = output_of(&blocks, number);
        let picture = block.get("picture").map(picture);
        let exact = shown.is_some_and(|shown| shown.has("exact"));
        let expected = picture.as_deref().or(shown.map(|shown| shown.text.as_str()));
        let end = Instant::now() + PATIENCE;
        if block.has("background") {
            let terminal = machine.open(&command(&block.text));
            let expected = expected.unwrap_or("…\nready …");
            while !begins(expected, &machine.look(terminal)) {
                if machine.has_ended(terminal) || Instant::now() > end {
                    fail(&machine, "not what the page shows", &machine.look(terminal));
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        } else if block.has("repl") {
            let (typed, expected) = session(&blocks[number + 1..]);
            let ran = machine.run(&command(&block.text), &typed);
            if let Err(why) = compare(&expected, &ran.printed, true) {
                fail(&machine, &why, &ran.printed);
            }
        } else {
            loop {
                let ran = machine.run(&command(&block.text), "");
                let right = match expected {
                    _ if ran.done == block.has("fails") => {
                        Err("its exit code is not the one expected".to_owned())
                    }
                    // A drawing has no lines.
                    Some(expected) if picture.is_some() => {
                        compare(expected, &ran.printed.replace('\n', " "), false)
                    }
                    Some(expected) => compare(expected, &ran.printed, exact),
                    None => Ok(()),
                };
                match right {
                    Ok(()) => break,
                    Err(_) if block.has("again") && Instant::now() < end => {}
                    Err(why) => fail(&machine, &why, &ran.printed),
                }
            }
        }
        println!("{name}:{}: {} ms", block.line, started.elapsed().as_millis());
    }
}

/// The texts in a drawing, in their order: each is to be found in what is printed. The first one is the prompt.
fn picture(name: &str) -> String {
    let drawing = std::fs::read_to_string(repository(name)).unwrap();
    let texts = drawing.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim());
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).map(unescaped).collect();
    assert!(texts.len() > 10, "no texts in {name}");
    format!("…{}…", texts[1..].join("…"))
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The program under test is built already: how readers start it from the sources is not.
fn command(block: &str) -> String {
    block.replace("cargo run --release -- ", "soru ")
}

/// The output that a page shows for a block of commands: the block behind it, or the next one that says so.
fn output_of(blocks: &[Block], number: usize) -> Option<&Block> {
    let next = blocks.get(number + 1)?;
    (next.language == "text" && (next.follows || next.has("output"))).then_some(next)
}

/// What is typed in a session with the REPL, line by line behind `> `, and what it answers.
fn session(blocks: &[Block]) -> (String, String) {
    let (mut typed, mut answers) = (String::new(), String::new());
    for block in
        blocks.iter().take_while(|block| block.language != "sh").filter(|block| block.text.starts_with("> "))
    {
        for line in block.text.lines() {
            let (to, line) = line.strip_prefix("> ").map_or((&mut answers, line), |line| (&mut typed, line));
            to.push_str(line);
            to.push('\n');
        }
    }
    (typed, answers)
}

/// All pages, by their path in the repository.
pub(super) fn all() -> BTreeSet<String> {
    fn below(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|e| e == "md") {
                let name = path.strip_prefix(repository("")).unwrap();
                found.insert(name.display().to_string());
            }
        }
    }
    let mut found = BTreeSet::from(["README.md".to_owned()]);
    below(&repository("book/src"), &mut found);
    found
}

macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test]
        fn $test() {
            run($page);
        })*
    };
}

pages! {
    readme: "README.md",
    first_rollup: "book/src/tutorial/first-rollup.md",
    token: "book/src/tutorial/token.md",
    run_a_node: "book/src/howto/run-a-node.md",
    send_messages: "book/src/howto/send-messages.md",
    execute_outbox_message: "book/src/howto/execute-outbox-message.md",
    keys: "book/src/howto/keys.md",
    tickets: "book/src/howto/tickets.md",
    win_a_dispute: "book/src/howto/win-a-dispute.md",
    write_a_kernel: "book/src/howto/write-a-kernel.md",
    install_a_large_kernel: "book/src/howto/install-a-large-kernel.md",
    try_a_kernel: "book/src/howto/try-a-kernel.md",
    debug_a_kernel: "book/src/howto/debug-a-kernel.md",
    profile_a_kernel: "book/src/howto/profile-a-kernel.md",
    embedded_layer_1: "book/src/howto/embedded-layer-1.md",
    monitor_a_node: "book/src/howto/monitor-a-node.md",
    populate_the_reveal_channel: "book/src/howto/populate-the-reveal-channel.md",
    configure_fast_execution: "book/src/howto/configure-fast-execution.md",
    back_up_and_restore: "book/src/operations/back-up-and-restore.md",
    upgrade: "book/src/operations/upgrade.md",
    when_something_is_stuck: "book/src/operations/when-something-is-stuck.md",
    the_program: "book/src/reference/soru.md",
    kernel_commands: "book/src/reference/kernel.md",
    document_commands: "book/src/reference/document-commands.md",
    pvm_commands: "book/src/reference/pvm.md",
    repl_commands: "book/src/reference/repl.md",
    node_rpc: "book/src/reference/node-rpc.md",
    metrics: "book/src/reference/metrics.md",
    sandbox_rpc: "book/src/reference/sandbox-rpc.md",
    adversaries: "book/src/reference/adversaries.md",
    tick_by_tick: "book/src/explanation/tick-by-tick.md",
    commitments: "book/src/explanation/commitments.md",
}

#[test]
fn every_page_with_commands_is_run() {
    let with_commands = |page: &String| {
        let blocks = blocks(&std::fs::read_to_string(repository(page)).unwrap());
        blocks.iter().any(|b| b.language == "sh" && !b.has("ignore"))
    };
    let expected: BTreeSet<String> = all().into_iter().filter(with_commands).collect();
    let run: BTreeSet<String> = PAGES.iter().map(|&page| page.to_owned()).collect();
    assert_eq!(run, expected, "the pages that are run, and the pages with commands");
}

/// How many blocks of commands are not executed, each with its reason on the page. It is not to grow.
const NOT_EXECUTED: usize = 13;

#[test]
fn blocks_that_are_not_executed_say_why() {
    let mut ignored = Vec::new();
    for page in all() {
        for block in blocks(&std::fs::read_to_string(repository(&page)).unwrap()) {
            let place = format!("{page}:{}", block.line);
            let known = KNOWN.iter().find(|(language, _)| *language == block.language);
            let (_, known) =
                known.unwrap_or_else(|| panic!("{place}: no language that is known: {}", block.language));
            for attribute in block.attributes.keys() {
                assert!(known.contains(&attribute.as_str()), "{place}: no such word: {attribute}");
            }
            if let Some(why) = block.get("ignore").filter(|_| block.language == "sh") {
                assert!(why.len() > 3, "{place}: say why it is not executed: ignore=…");
                ignored.push(format!("{place}: {why}"));
            }
            if block.language == "json" && !block.has("fragment") {
                let read = serde_json::from_str::<serde_json::Value>(&block.text);
                assert!(read.is_ok(), "{place}: {read:?}");
            }
            if block.language == "yaml" {
                let read = serde_saphyr::from_str::<serde_json::Value>(&block.text);
                assert!(read.is_ok(), "{place}: {read:?}");
            }
            if block.language == "rust" {
                assert!(
                    block.has("file") || block.get("why").is_some_and(|w| w.len() > 3),
                    "{place}: neither built nor said why"
                );
            }
        }
    }
    assert!(
        ignored.len() <= NOT_EXECUTED,
        "{} blocks are not executed:\n{}\n",
        ignored.len(),
        ignored.join("\n")
    );
}
