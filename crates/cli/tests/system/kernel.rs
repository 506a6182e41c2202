//! `soru kernel`: for those who write kernels.

use crate::support::{Finished, Layer1, RollupNode, Settings, files_below, finish, repository, soru, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn kernel(words: &[&str]) -> Finished {
    let mut command = soru();
    command.arg("kernel").args(words);
    finish(command)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The kernels of one folder of the vectors.
fn vectors(name: &str) -> PathBuf {
    repository("testdata/vectors/kernels").join(name)
}

/// The bytes from which a large kernel takes what it tells.
const LARGE: usize = 600_000;
const LAST: usize = 100;

/// A kernel of some 600 kB that cannot be pressed together, and the last bytes of it: it writes them to the outbox and to `/last`.
fn large_kernel(dir: &Path) -> (PathBuf, String) {
    let mut seed = 1_u64;
    let data: Vec<u8> = (0..LARGE)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        })
        .collect();
    let escaped: String = data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let from = LARGE - LAST;
    let text = format!(
        r#"(module
            (import "smart_rollup_core" "write_output" (func $output (param i32 i32) (result i32)))
            (import "smart_rollup_core" "store_write" (func $store (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "m") 10) (data (i32.const 0) "{escaped}/last")
            (func (export "kernel_run")
                (drop (call $output (i32.const {from}) (i32.const {LAST})))
                (drop (call $store (i32.const {LARGE}) (i32.const 5) (i32.const 0) (i32.const {from}) (i32.const {LAST})))))"#
    );
    let path = dir.join("large.wasm");
    fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    (path, hex::encode(&data[from..]))
}

#[test]
fn a_file_becomes_the_pages_of_the_network_s_tool() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new").join("pages");
    let file = vectors("sdk/sdk-0.2.0-kernel.wasm");
    let done = kernel(&["pages", text(&file), "--out", text(&out)]).done();
    let root = "000d8b557cb96e4e90262bea3f1942baecc3a1ae5573fc4b00068b5acc61bcb85c";
    assert_eq!(done.lines().next(), Some(&*format!("ROOT_HASH: {root}")));
    let pages = |dir: &Path| -> BTreeMap<String, Vec<u8>> {
        files_below(dir).into_iter().map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
    };
    assert_eq!(pages(&out), pages(&vectors("sdk/installer/wasm_2_0_0")));
    // Pages that are there already are no obstacle.
    let again = lines(&kernel(&["pages", text(&file), "--out", text(&out), "--json"]).done());
    assert_eq!(again, [json!({ "root_hash": root, "pages": 18, "bytes": 66_013 })]);
    let error = kernel(&["pages", text(&dir.path().join("none")), "--out", text(&out)]).failed(1);
    assert!(error.contains("cannot read"), "{error}");
    let error = kernel(&["pages", text(&file), "--out", text(&file)]).failed(1);
    assert!(error.contains("cannot make the folder"), "{error}");
}

/// The network's own installer and ours leave the same state behind.
#[test]
fn installers_are_alike() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs.json");
    fs::write(&inputs, r#"[[{"external":"08"}],[]]"#).unwrap();
    let out = dir.path().join("out");
    kernel(&["installer", text(&vectors("sdk/sdk-0.2.0-kernel.wasm")), "--out", text(&out)]).done();
    let run = |installer: &Path, pages: &Path| {
        let words = ["run", text(installer), "--inputs", text(&inputs), "--preimage-dir", text(pages)];
        lines(&kernel(&[&words[..], &["--json", "--ticks"]].concat()).done())
    };
    let mut ours = run(&out.join("installer.wasm"), &out.join("wasm_2_0_0"));
    let official = vectors("sdk/installer");
    let mut theirs = run(&official.join("installer.wasm"), &official.join("wasm_2_0_0"));
    // The installer, then the kernel, in one level: no message is lost.
    for levels in [&mut ours, &mut theirs] {
        assert_eq!(levels[0]["runs"].as_array().unwrap().len(), 2);
        assert_eq!(levels[0]["current_tick"], 33_000_000_000_u64);
        let installing = levels[0]["runs"][0].take();
        assert_eq!(installing["end"], "returned");
        assert!(installing["ticks"].as_u64().unwrap() < 10_000_000, "{installing}");
    }
    assert_eq!(ours, theirs);
}

#[test]
fn a_large_kernel_is_installed_by_a_small_one() {
    let dir = tempfile::tempdir().unwrap();
    let (large, told) = large_kernel(dir.path());
    let out = dir.path().join("out");
    let done =
        kernel(&["installer", text(&large), "--out", text(&out), "--set", "/greeting=6869", "--json"]).done();
    let made = &lines(&done)[0];
    assert!(made["bytes"].as_u64().unwrap() > LARGE as u64, "{made}");
    // Three levels: contents, two pages of hashes, the root.
    assert_eq!(made["pages"], 147 + 2 + 1);
    assert_eq!(made["pages"], files_below(&out.join("wasm_2_0_0")).len());
    let installer = out.join("installer.wasm");
    assert!(fs::metadata(&installer).unwrap().len() < 4096);
    kernel(&["check", text(&installer)]).done();

    let inputs = dir.path().join("inputs.json");
    fs::write(&inputs, "[[]]").unwrap();
    let pages = out.join("wasm_2_0_0");
    let words =
        ["run", text(&installer), "--inputs", text(&inputs), "--preimage-dir", text(&pages), "--json"];
    for compiler in ["cranelift", "singlepass"] {
        let levels = lines(&kernel(&[&words[..], &["--wasm-compiler", compiler]].concat()).done());
        assert_eq!((&levels[0]["state"], &levels[0]["outbox"]), (&json!("Collect"), &json!([told])));
    }
}

/// A rollup node says which page it waits for, and goes on when it is there.
#[test]
fn a_node_waits_for_the_pages_of_a_large_kernel() {
    let layer1 = Layer1::start(Settings::default());
    let (large, told) = large_kernel(&layer1.path(""));
    let out = layer1.path("out");
    let words = ["installer", text(&large), "--out", text(&out), "--set", "/greeting=6869", "--json"];
    let root = lines(&kernel(&words).done())[0]["root_hash"].as_str().unwrap().to_owned();
    let rollup = layer1.originate_rollup(&out.join("installer.wasm"));
    let level = layer1.bake(1);
    let mut node = RollupNode::observer(&layer1, &rollup, "observer");
    node.until_logged(&root);

    let pages = layer1.path("observer").join("wasm_2_0_0");
    fs::create_dir_all(&pages).unwrap();
    let names = files_below(&out.join("wasm_2_0_0"));
    let copy = |name: &String| fs::copy(out.join("wasm_2_0_0").join(name), pages.join(name)).unwrap();
    copy(&root);
    // The next one that it waits for is named, too.
    until("a page below the root is named", || {
        let log = node.log_text();
        names.iter().find(|name| **name != root && log.contains(name.as_str())).cloned()
    });
    for name in &names {
        copy(name);
    }
    node.until_at(&layer1, level);
    let value =
        |key: &str| node.rpc.get(&format!("/global/block/{level}/durable/wasm_2_0_0/value?key={key}"));
    assert_eq!((value("/last"), value("/greeting")), (json!(told), json!("6869")));
    let length =
        node.rpc.get(&format!("/global/block/{level}/durable/wasm_2_0_0/length?key=/kernel/boot.wasm"));
    assert_eq!(length.as_str().unwrap().parse(), Ok(fs::metadata(&large).unwrap().len()));
}

#[test]
fn the_rules_are_checked_with_reasons() {
    let good = kernel(&["check", text(&vectors("echo.wasm"))]).done();
    for line in [
        "size        163 bytes: fits into the operation that originates a rollup",
        "floats      none",
        "kernel_run  exported, takes nothing and returns nothing",
        "memory      one, exported as `mem`, 64 KiB to begin with",
        "imports     read_input, write_output",
        "call stack  1 of 299 functions deep at most",
    ] {
        assert!(good.lines().any(|found| found == line), "{line}\n{good}");
    }
    let bad = kernel(&["check", text(&vectors("invalid/inv_import_params.wasm"))]);
    assert!(bad.out.contains("imports     broken: incompatible import type"), "{}", bad.out);
    assert!(bad.out.contains("read_input has three parameters"), "{}", bad.out);
    assert!(bad.failed(1).ends_with("is no kernel for version 2.0.0 of the machine: imports\n"));
    let bad = kernel(&["check", text(&vectors("invalid/inv_float_const.wasm")), "--json"]);
    let found = &lines(&bad.out)[0];
    assert_eq!((&found["valid"], &found["rules"][0]["rule"]), (&json!(false), &json!("floats")));
    assert_eq!(bad.code, 1);

    // What the document's `hello, world!` trips over, and a file that is nothing.
    let dir = tempfile::tempdir().unwrap();
    let nothing = dir.path().join("nothing.wasm");
    fs::write(&nothing, "").unwrap();
    assert!(kernel(&["check", text(&nothing)]).out.starts_with("size        0 bytes"));
    let error = kernel(&["installer", text(&nothing), "--out", text(dir.path())]).failed(1);
    assert!(error.contains("is no kernel") && error.contains("module: "), "{error}");
    let echo = vectors("echo.wasm");
    for (value, why) in [
        ("/a", "expected KEY=HEX"),
        ("a=00", "is no key"),
        ("/readonly/a=00", "cannot write to"),
        ("/a=0", "is not hexadecimal"),
    ] {
        let words = ["installer", text(&echo), "--out", text(dir.path()), "--set", value];
        let error = kernel(&words).failed(2);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_new_kernel_is_built_checked_and_run() {
    let dir = tempfile::tempdir().unwrap();
    let build = |folder: &str| {
        let path = dir.path().join(folder);
        kernel(&["new", text(&path), "--name", "my-kernel"]).done();
        let built = lines(&kernel(&["build", text(&path), "--json"]).done());
        let kernel = path.join("target/kernels/my_kernel.wasm");
        assert_eq!((&built[0]["valid"], &built[0]["kernel"]), (&json!(true), &json!(text(&kernel))));
        (path, fs::read(kernel).unwrap())
    };
    let (path, bytes) = build("one");
    // Wherever it is built.
    assert_eq!(build("elsewhere").1, bytes);
    assert!(bytes.len() < 2048, "{}", bytes.len());

    let file = path.join("target/kernels/my_kernel.wasm");
    let inputs = path.join("inputs.json");
    let out = kernel(&["run", text(&file), "--inputs", text(&inputs), "--ticks"]).done();
    assert_eq!(out.lines().filter(|line| line.starts_with("level ")).count(), 2, "{out}");
    assert_eq!(out.lines().filter(|line| line.ends_with(" ticks, returned")).count(), 2, "{out}");

    // Two messages of five bytes and one.
    let mut repl = soru();
    repl.arg("repl").arg(&file).arg("--inputs").arg(&inputs);
    repl.write_stdin("load inputs\nstep inbox\nload inputs\nstep inbox\nshow key /tally\n");
    let shown = finish(repl).done();
    assert!(shown.contains("00000000000000020000000000000006"), "{shown}");

    let error = kernel(&["new", text(&path)]).failed(1);
    assert!(error.contains("is there already"), "{error}");
    let error = kernel(&["new", text(&dir.path().join("My Kernel"))]).failed(2);
    assert!(error.contains("is no name for a package"), "{error}");
    let error = kernel(&["build", text(&dir.path().join("none"))]).failed(1);
    assert!(error.contains("there is no folder"), "{error}");
    fs::write(path.join("src/lib.rs"), "fn broken(").unwrap();
    let error = kernel(&["build", text(&path)]).failed(1);
    assert!(error.contains("error: cargo build in"), "{error}");
}
