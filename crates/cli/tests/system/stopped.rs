//! Programs end when they are asked to, whatever they are doing, and when the one that started them is gone.

use crate::support::{Layer1, Program, RollupNode, Rpc, Settings, files_below, until};
use std::collections::BTreeSet;
use std::path::Path;

fn start(words: &[&str], dir: &Path) -> Program {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    Program::start(&words, &dir.join("log"))
}

#[test]
fn a_layer_1_that_has_just_begun() {
    let dir = tempfile::tempdir().unwrap();
    let chain = dir.path().join("chain").display().to_string();
    let mut program =
        start(&["sandbox", "run", "--rpc-addr", "127.0.0.1:0", "--data-dir", &chain], dir.path());
    program.line_after("ready ");
    assert!(program.stop().success());
}

#[test]
fn a_node_that_has_just_begun_and_one_that_catches_up() {
    let layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    let origination = layer1.head();
    let head = layer1.bake(200);
    let mut node = RollupNode::operator(&layer1, &rollup, "node");
    assert!(node.stop().success());
    node.start_again();
    until("it has begun", || (node.level() > origination).then_some(()));
    assert!(node.stop().success());
    node.start_again();
    node.until_at(&layer1, head);
    assert!(node.stop().success());
    assert!(!node.log_text().contains("ERROR"), "{}", node.log_text());
}

fn demo(dir: &Path) -> (Program, Rpc) {
    let temporary = dir.join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut program = Program::start_in(&["demo".to_owned()], &dir.join("log"), &temporary);
    let url = program.line_after("    answers at");
    (program, Rpc { url: url.trim().to_owned() })
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (program, layer1) = demo(dir.path());
    assert_eq!(program.stop().code(), Some(1));
    assert!(layer1.find("/version").is_none());
    assert_eq!(files_below(&dir.path().join("tmp")), BTreeSet::new());
    assert!(std::fs::read_to_string(dir.path().join("log")).unwrap().contains("interrupted"));
}

#[test]
fn what_a_demo_started_ends_when_the_demo_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (program, layer1) = demo(dir.path());
    layer1.get("/version");
    program.kill();
    until("the layer-1 is gone", || layer1.find("/version").is_none().then_some(()));
}
