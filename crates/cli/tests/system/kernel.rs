//! `soru kernel`: for those who write kernels.

use crate::support::{Finished, files_below, finish, large_kernel, repository, soru};
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
    let large = large_kernel();
    kernel(&["check", text(large)]).done();
    let out = dir.path().join("out");
    let done =
        kernel(&["installer", text(large), "--out", text(&out), "--set", "/greeting=6869", "--json"]).done();
    let made = &lines(&done)[0];
    let bytes = fs::metadata(large).unwrap().len();
    assert!(bytes > 500_000, "{bytes}");
    assert_eq!(made["bytes"], bytes);
    // Three levels: contents, pages of hashes, the root.
    let contents = bytes.div_ceil(4091);
    assert_eq!(made["pages"], contents + contents.div_ceil(123) + 1);
    assert_eq!(made["pages"], files_below(&out.join("wasm_2_0_0")).len());
    let installer = out.join("installer.wasm");
    assert!(fs::metadata(&installer).unwrap().len() < 4096);
    kernel(&["check", text(&installer)]).done();

    // It does what the small one does.
    kernel(&["examples", "--out", text(&dir.path().join("examples"))]).done();
    let inputs = repository("kernels/token/inputs.json");
    let run = |kernel_file: &Path, more: &[&str]| {
        let words = ["run", text(kernel_file), "--inputs", text(&inputs), "--json"];
        let levels = lines(&kernel(&[&words[..], more].concat()).done());
        levels.iter().map(|level| (level["state"].clone(), level["outbox"].clone())).collect::<Vec<_>>()
    };
    let small = run(&dir.path().join("examples/token.wasm"), &[]);
    assert!(small.iter().any(|(_, outbox)| *outbox != json!([])), "{small:?}");
    let pages = out.join("wasm_2_0_0");
    for compiler in ["cranelift", "singlepass"] {
        let more = ["--preimage-dir", text(&pages), "--wasm-compiler", compiler];
        assert_eq!(run(&installer, &more), small, "{compiler}");
    }
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

/// What two kernels share has other features when they are built together; each is built as if it were alone.
#[test]
fn a_kernel_of_a_workspace_has_the_bytes_of_one_that_is_built_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let write = |name: &str, text: &str| fs::write(path(name), text).unwrap();
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"shared\", \"two\"]\n");
    fs::create_dir_all(path("shared/src")).unwrap();
    write("shared/Cargo.toml", "[package]\nname = \"shared\"\nedition = \"2024\"\n[features]\nlong = []\n");
    write(
        "shared/src/lib.rs",
        "#![no_std]\npub static TEXT: &[u8] = if cfg!(feature = \"long\") { b\"built with the feature\" } else { b\"built without\" };\n",
    );
    for (name, features) in [("one", ""), ("two", ", features = [\"long\"]")] {
        fs::create_dir_all(path(name).join("src")).unwrap();
        write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
                 [dependencies]\nshared = {{ path = \"../shared\"{features} }}\n"
            ),
        );
        let source = r#"
            #[link(wasm_import_module = "smart_rollup_core")]
            unsafe extern "C" { fn write_debug(text: *const u8, length: usize); }
            #[unsafe(no_mangle)]
            pub extern "C" fn kernel_run() {
                // SAFETY: the machine reads that many bytes from there.
                unsafe { write_debug(shared::TEXT.as_ptr(), shared::TEXT.len()) }
            }"#;
        write(&format!("{name}/src/lib.rs"), source);
    }
    let built = lines(&kernel(&["build", text(dir.path()), "--json"]).done());
    let names: Vec<_> = built.iter().map(|kernel| kernel["kernel"].as_str().unwrap().to_owned()).collect();
    let of = |name: &str| path("target/kernels").join(format!("{name}.wasm"));
    assert_eq!(names, [text(&of("one")), text(&of("two"))]);
    for name in ["one", "two"] {
        kernel(&["build", text(&path(name))]).done();
        let alone = fs::read(path(name).join("target/kernels").join(format!("{name}.wasm"))).unwrap();
        assert!(alone == fs::read(of(name)).unwrap(), "{name} has other bytes");
    }
    let error = kernel(&["build", text(&path("shared"))]).failed(1);
    assert!(error.contains("has no library of the crate type `cdylib`"), "{error}");
}
