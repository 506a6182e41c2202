//! What `soru kernel` reads: setup files, pages, files that are none.

use crate::support::{Finished, files_below, finish, repository, soru};
use serde_json::{Value, json};
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

/// The example kernels, in a folder.
fn examples(dir: &Path) -> PathBuf {
    let out = dir.join("examples");
    kernel(&["examples", "--out", text(&out)]).done();
    out
}

fn inputs(kernel: &str) -> PathBuf {
    repository("kernels").join(kernel).join("inputs.json")
}

/// The request is in the folder of the kernel, for the numbers from 1 to 200,000.
fn numbers(dir: &Path) -> PathBuf {
    let (file, pages) = (dir.join("numbers.txt"), dir.join("pages"));
    let numbers: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    fs::write(&file, numbers).unwrap();
    let told = kernel(&["pages", text(&file), "--out", text(&pages)]).done();
    assert!(told.contains("0022d133665a126c07f5123ef0026e5852d50a5421cf8f79120bc1ef212478e262"), "{told}");
    pages
}

#[test]
fn the_examples_do_what_their_readmes_say() {
    let dir = tempfile::tempdir().unwrap();
    let examples = examples(dir.path());
    for name in ["counter", "token", "library"] {
        let file = examples.join(format!("{name}.wasm"));
        kernel(&["check", text(&file)]).done();
        let size = fs::metadata(&file).unwrap().len().to_string();
        let readme = fs::read_to_string(repository("kernels").join(name).join("README.md")).unwrap();
        let told: Vec<_> = readme.split(" bytes").filter_map(|part| part.split_whitespace().last()).collect();
        assert!(told.iter().any(|told| told.replace(',', "") == size), "{name} has {size} bytes");
    }
    // With the ticks counted, every tick was made, and led to the state of the compiled run.
    let counter = examples.join("counter.wasm");
    let run =
        kernel(&["run", text(&counter), "--inputs", text(&inputs("counter")), "--ticks", "--json"]).done();
    let levels = lines(&run);
    let ticks: Vec<_> = levels.iter().map(|level| level["runs"][0]["ticks"].as_u64().unwrap()).collect();
    assert_eq!(ticks, [197_514, 230_025]);
    // −2, then 42, to the contract whose hash is 05…05.
    let outbox = levels[1]["outbox"].as_array().unwrap();
    let starts: Vec<_> = outbox.iter().map(|message| &message.as_str().unwrap()[..16]).collect();
    assert_eq!(starts, ["0000000023004201", "0000000023002a01"]);

    let token = examples.join("token.wasm");
    let run = kernel(&["run", text(&token), "--inputs", text(&inputs("token")), "--json"]).done();
    let outbox: Vec<_> = lines(&run).iter().map(|level| level["outbox"].as_array().unwrap().len()).collect();
    assert_eq!(outbox, [0, 0, 1]);
}

/// The tick step, too, takes deposits and refuses orders; signatures are left to the compiled kernel, they take long.
#[test]
fn a_token_without_signatures_is_the_same_tick_by_tick() {
    let dir = tempfile::tempdir().unwrap();
    let token = examples(dir.path()).join("token.wasm");
    let all: Value = serde_json::from_str(&fs::read_to_string(inputs("token")).unwrap()).unwrap();
    // Before the deposit, the orders come too early: alice has nothing.
    let file = dir.path().join("inputs.json");
    fs::write(&file, json!([all[1], all[0]]).to_string()).unwrap();
    let run = kernel(&["run", text(&token), "--inputs", text(&file), "--ticks", "--debug", "--json"]);
    assert_eq!(run.err.matches("more than the account has").count(), 2, "{}", run.err);
    let ticks: Vec<_> = lines(&run.done()).iter().map(|l| l["runs"][0]["ticks"].as_u64().unwrap()).collect();
    assert!(ticks.iter().all(|&ticks| ticks < 2_000_000), "{ticks:?}");
}

#[test]
fn an_installer_config_is_there_from_the_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let library = examples(dir.path()).join("library.wasm");
    let pages = numbers(dir.path());
    let setup = repository("kernels/library/setup.yaml");
    let (library, inputs) = (text(&library), inputs("library"));
    let words = ["run", library, "--inputs", text(&inputs), "--preimage-dir", text(&pages), "--debug"];
    let without = kernel(&words);
    assert!(without.err.contains("refused a request that is not the librarian's"), "{}", without.err);
    without.done();
    for compiler in ["cranelift", "singlepass"] {
        let more = ["--installer-config", text(&setup), "--wasm-compiler", compiler];
        let with = kernel(&[&words[..], &more].concat());
        assert!(with.err.contains("library: a book is complete"), "{}", with.err);
        with.done();
    }

    // The REPL, and the trace of the first ticks.
    let mut repl = soru();
    repl.args(["repl", library, "--installer-config", text(&setup), "--preimage-dir", text(&pages)]);
    repl.arg("--inputs").arg(&inputs);
    repl.write_stdin("load inputs\nstep inbox\nshow key /books/0022d133665a126c07f5123ef0026e5852d50a5421cf8f79120bc1ef212478e262/summary\n");
    let shown = finish(repl).done();
    let summary = format!("{:016x}{:016x}{:016x}", 320, 1_288_895, 200_000);
    assert!(shown.contains(&summary), "{shown}");
    let trace = |more: &[&str]| {
        let mut command = soru();
        command.args(["pvm", "trace", library, "--to", "1"]).args(more);
        finish(command).done()
    };
    assert_ne!(trace(&[]), trace(&["--installer-config", text(&setup)]));
}

#[test]
fn a_setup_file_is_carried_out_by_the_installer() {
    let dir = tempfile::tempdir().unwrap();
    let library = examples(dir.path()).join("library.wasm");
    let pages = numbers(dir.path());
    let (out, value) = (dir.path().join("out"), "ab".repeat(34));
    let key = fs::read_to_string(repository("kernels/library/setup.yaml")).unwrap();
    let setup = dir.path().join("setup.yaml");
    // The value of 34 bytes is revealed, as with the network's tool.
    fs::write(
        &setup,
        format!(
            "{key}  - set: {{ value: {value}, to: /long }}\n  - move:\n      from: /long\n      to: /moved\n"
        ),
    )
    .unwrap();
    let words = [
        "installer",
        text(&library),
        "--setup-file",
        text(&setup),
        "--set",
        "/short=00",
        "--out",
        text(&out),
        "--json",
    ];
    let made = &lines(&kernel(&words).done())[0];
    let folder = out.join("wasm_2_0_0");
    assert_eq!(made["pages"].as_u64().unwrap() as usize + 1, files_below(&folder).len());
    for name in files_below(&pages) {
        fs::copy(pages.join(&name), folder.join(name)).unwrap();
    }
    let mut repl = soru();
    repl.arg("repl").arg(out.join("installer.wasm")).arg("--preimage-dir").arg(&folder);
    repl.arg("--inputs").arg(inputs("library"));
    repl.write_stdin("load inputs\nstep inbox\nload inputs\nstep inbox\nshow key /moved\nshow key /short\nshow key /books/0022d133665a126c07f5123ef0026e5852d50a5421cf8f79120bc1ef212478e262/summary\n");
    let shown = finish(repl).done();
    assert!(shown.contains(&value), "{shown}");
    assert!(shown.contains(&format!("{:016x}{:016x}", 320, 1_288_895)), "{shown}");

    for (setup, why) in [
        ("instructions:\n- set:\n    valu: 00\n    to: /a", "line 3 column 5: unknown field `valu`"),
        ("instructions:\n- set: {value: 0x, to: /a}", "instruction 0"),
        ("", "unexpected end of input"),
    ] {
        let file = dir.path().join("wrong.yaml");
        fs::write(&file, setup).unwrap();
        let error = kernel(&["installer", text(&library), "-S", text(&file), "--out", text(&out)]).failed(1);
        assert!(error.contains(why) && error.contains("wrong.yaml"), "{error}");
    }
    let file = dir.path().join("moves.yaml");
    fs::write(&file, "instructions:\n- move: {from: /a, to: /b}\n").unwrap();
    let inputs = inputs("library");
    let words = ["run", text(&library), "--inputs", text(&inputs), "--installer-config", text(&file)];
    let error = kernel(&words).failed(1);
    assert!(error.contains("only a kernel carries out `reveal` and `move`"), "{error}");
}

#[test]
fn a_folder_of_pages_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let node = dir.path().join("node");
    let file = dir.path().join("file");
    fs::write(&file, vec![7; 10_000]).unwrap();
    let told = lines(&kernel(&["pages", text(&file), "--data-dir", text(&node), "--json"]).done());
    let root = told[0]["root_hash"].as_str().unwrap();
    let pages = node.join("wasm_2_0_0");
    let check =
        |more: &[&str]| kernel(&[&["check-pages", "--data-dir", text(&node), "--root", root], more].concat());
    // Two pages of contents are the same.
    assert_eq!(check(&[]).done(), format!("{}: 3 pages\n", pages.display()));

    let names: Vec<_> = files_below(&pages).into_iter().filter(|name| name != root).collect();
    fs::write(pages.join(&names[0]), "cut").unwrap();
    fs::rename(pages.join(&names[1]), pages.join(&names[1][2..])).unwrap();
    fs::create_dir(pages.join("folder")).unwrap();
    fs::write(pages.join("0".repeat(66)), vec![0; 4097]).unwrap();
    let found = check(&["--json"]);
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((&found["pages"], &found["missing"]), (&json!(2), &json!([names[0]])));
    let wrong: Vec<_> =
        found["wrong"].as_array().unwrap().iter().map(|w| w["reason"].as_str().unwrap()).collect();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    for why in ["its contents have the hash", "it has 4097 bytes", "its name is no hash of a page"] {
        assert!(wrong.iter().any(|wrong| wrong.contains(why)), "{why}: {wrong:?}");
    }
    let error = check(&[]).failed(1);
    assert!(error.contains("files that are no pages: 3; pages that are missing: 1"), "{error}");
    assert!(
        kernel(&["check-pages", "--out", text(&dir.path().join("none"))])
            .failed(1)
            .contains("cannot read the folder")
    );
    kernel(&["check-pages", "--out", text(&pages), "--root", "00"]).failed(2);
    kernel(&["check-pages"]).failed(2);
    kernel(&["pages", text(&file), "--out", text(&pages), "--data-dir", text(&node)]).failed(2);
}

#[test]
fn what_is_no_kernel_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let good = fs::read(repository("testdata/vectors/kernels/echo.wasm")).unwrap();
    fs::write(path("cut.wasm"), &good[..good.len() / 2]).unwrap();
    fs::write(path("text.wasm"), "hello").unwrap();
    fs::write(path("text"), "hello").unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("wrong.wat"), "(module (func (export \"kernel_run\") (i32.ad)))").unwrap();
    fs::write(path("bytes.wat"), [0xff, 0xfe, 0]).unwrap();
    fs::write(path("object.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::File::create(path("huge.wasm")).unwrap().set_len(1 << 40).unwrap();
    for (name, why) in [
        ("cut.wasm", "module"),
        ("text.wasm", "module"),
        ("text", "is neither WebAssembly nor its text"),
        ("empty", "expected at least one module field"),
        ("wrong.wat", "unknown operator or unexpected token"),
        ("bytes.wat", "is neither WebAssembly nor its text"),
        ("object.wasm", "module"),
        ("folder", "it is a folder"),
        ("huge.wasm", "it has more than 2147483647 bytes"),
        ("nothing.wasm", "No such file"),
    ] {
        let file = path(name);
        let error = kernel(&["check", text(&file)]).failed(1);
        assert!(error.contains(why) && error.contains(name), "{name}: {error}");
        for words in [
            &["installer", text(&file), "--out", text(&path("out"))][..],
            &["run", text(&file), "--inputs", text(&path("none.json"))],
        ] {
            kernel(words).failed(1);
        }
    }
    assert!(!path("out").exists());
    let echo = repository("testdata/vectors/kernels/echo.wasm");
    for (inputs, why) in [
        ("", "no JSON"),
        ("{}", "expected an array of inboxes"),
        ("[[{\"external\":\"0\"}]]", "is not hexadecimal"),
    ] {
        fs::write(path("inputs.json"), inputs).unwrap();
        let error = kernel(&["run", text(&echo), "--inputs", text(&path("inputs.json"))]).failed(1);
        assert!(error.contains(why), "{error}");
    }
    let error = kernel(&["run", text(&echo), "--inputs", text(&path("nothing.json"))]).failed(1);
    assert!(error.contains("cannot read the inputs"), "{error}");
    kernel(&["run", text(&echo)]).failed(2);
    kernel(&["check"]).failed(2);
    for file in ["folder", "huge.wasm", "nothing"] {
        kernel(&["pages", text(&path(file)), "--out", text(&path("out"))]).failed(1);
    }
}
