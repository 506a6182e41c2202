//! The example kernels, and kernels made with other people's tools, at work.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use serde_json::Value;
use soru_pvm::replay::Replayed;
use std::collections::BTreeMap;
use support::{COMPILERS, engine, read, run_of, vectors};

/// The address of the rollup in [`run_of`].
const ROLLUP: [u8; 20] = [0x11; 20];
const CONTRACT: [u8; 20] = [0xc0; 20];

/// A contract's call of a rollup with a parameter of type `bytes`.
fn transfer(payload: &[u8], rollup: [u8; 20]) -> Vec<u8> {
    let mut message = vec![0, 0];
    message.extend(michelson_bytes(payload));
    message.extend(CONTRACT);
    message.extend([0; 21]);
    message.extend(rollup);
    message
}

fn michelson_bytes(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x0a];
    bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The outbox message that calls `receive` of the contract.
fn call_of_receive(payload: &[u8]) -> Vec<u8> {
    let mut transaction = michelson_bytes(payload);
    transaction.push(1);
    transaction.extend(CONTRACT);
    transaction.push(0);
    transaction.extend(7u32.to_be_bytes());
    transaction.extend(b"receive");
    let mut message = vec![0];
    message.extend(u32::try_from(transaction.len()).unwrap().to_be_bytes());
    message.extend(transaction);
    message
}

fn outbox(replayed: &Replayed, level: usize) -> Vec<Vec<u8>> {
    let outbox = replayed.lines[level + 1]["outbox"].as_array().unwrap();
    outbox.iter().map(|message| hex::decode(message.as_str().unwrap()).unwrap()).collect()
}

fn durable<'a>(replayed: &'a Replayed, level: usize, key: &str) -> &'a Value {
    &replayed.lines[level + 1]["durable"][key]
}

fn number(value: u64) -> Value {
    format!("{value:016x}").into()
}

#[test]
fn echo_writes_external_messages_to_the_outbox() {
    let long = [&[1][..], &[7; 4095]].concat();
    for compiler in COMPILERS {
        let many = vec![&b"\x01x"[..]; 150];
        let run = run_of(&[&[b"\x01hello", &transfer(b"no", ROLLUP), b"\x01", &long], &many]);
        let replayed = run.replay(soru_kernels::ECHO, &engine(compiler), &mut ()).unwrap();
        assert!(replayed.failure.is_none(), "{:?}", replayed.failure);
        assert_eq!(outbox(&replayed, 0), [&b"hello"[..], b"", &[7; 4095]]);
        assert_eq!(durable(&replayed, 0, "/echoed"), &number(3));
        assert_eq!(durable(&replayed, 0, "/dropped"), &Value::Null);
        assert_eq!(outbox(&replayed, 1).len(), 100);
        assert_eq!(durable(&replayed, 1, "/echoed"), &number(103));
        assert_eq!(durable(&replayed, 1, "/dropped"), &number(50));
    }
}

#[test]
fn notary_counts_and_certifies() {
    let long = vec![5; 3000];
    let long_message = [&[1][..], &long].concat();
    for compiler in COMPILERS {
        let run = run_of(&[
            &[b"\x01one", &long_message],
            &[&transfer(b"for me", ROLLUP), &transfer(b"for another", [0x22; 20])],
            &[b"\x01", &transfer(&[9; 3900], ROLLUP), &transfer(b"", ROLLUP)],
            &[&[0, 0, 3, 11], b"\x01end"],
        ]);
        let mut debug = Vec::new();
        let replayed = run.replay(soru_kernels::NOTARY, &engine(compiler), &mut debug).unwrap();
        assert!(replayed.failure.is_none(), "{:?}", replayed.failure);
        assert_eq!(durable(&replayed, 0, "/counter"), &number(2));
        // Long values are shown by their length.
        assert_eq!(durable(&replayed, 0, "/last")["bytes"], 3000);
        assert_eq!(outbox(&replayed, 0), [[0; 0]; 0]);

        assert_eq!(outbox(&replayed, 1), [call_of_receive(b"for me\0\0\0\0\0\0\0\x02")]);
        assert_eq!(durable(&replayed, 1, "/counter"), &number(2));

        let certified = [&[9; 3900][..], &3u64.to_be_bytes()].concat();
        assert_eq!(outbox(&replayed, 2), [call_of_receive(&certified), call_of_receive(&3u64.to_be_bytes())]);
        assert_eq!(durable(&replayed, 2, "/last"), "");

        // What it cannot read does not keep it from the rest.
        assert_eq!(durable(&replayed, 3, "/counter"), &number(4));
        assert_eq!(durable(&replayed, 3, "/last"), &hex::encode("end"));
        let debug = String::from_utf8(debug).unwrap();
        assert!(debug.contains("notary: a new entry\n"), "{debug}");
        assert!(debug.contains("notary: certified\n"), "{debug}");
        assert!(debug.contains("notary: skipped a message that is for somebody else\n"), "{debug}");
    }
}

#[test]
fn notary_goes_on_when_the_outbox_is_full() {
    let ask = transfer(b"me", ROLLUP);
    let messages = [&vec![&ask[..]; 101][..], &[b"\x01end"]].concat();
    for compiler in COMPILERS {
        let mut debug = Vec::new();
        let replayed =
            run_of(&[&messages]).replay(soru_kernels::NOTARY, &engine(compiler), &mut debug).unwrap();
        assert_eq!(outbox(&replayed, 0).len(), 100);
        assert_eq!(durable(&replayed, 0, "/last"), &hex::encode("end"));
        let debug = String::from_utf8(debug).unwrap();
        assert_eq!(debug.matches("notary: the outbox takes no more\n").count(), 1, "{debug}");
    }
}

/// The longest payload that fits into a message of the inbox has an answer that fits into the outbox.
#[test]
fn notary_answers_the_longest_call() {
    let room = 4096 - transfer(b"", ROLLUP).len();
    let run = run_of(&[&[&transfer(&vec![1; room], ROLLUP)]]);
    let replayed = run.replay(soru_kernels::NOTARY, &engine(COMPILERS[0]), &mut ()).unwrap();
    assert_eq!(outbox(&replayed, 0), [call_of_receive(&[&vec![1; room][..], &[0; 8]].concat())]);
}

/// A kernel on the SDK writes what it is told to write, to the outbox and to the storage.
#[test]
fn a_kernel_of_the_sdk_runs() {
    let kernel = read("kernels/sdk/sdk-0.2.0-kernel.wasm");
    // 1: list, size, has; 0: copy and move; 3: outbox; 8: flags.
    let run = run_of(&[&[b"\x01\x01", b"\x01\x00", b"\x01\x03", b"\x01\x08"]]);
    let mut lines = Vec::new();
    for compiler in COMPILERS {
        let replayed = run.replay(&kernel, &engine(compiler), &mut ()).unwrap();
        assert!(replayed.failure.is_none(), "{:?}", replayed.failure);
        assert!(!outbox(&replayed, 0).is_empty());
        assert_eq!(durable(&replayed, 0, "/readonly/kernel/env/stuck"), &Value::Null);
        lines.push(replayed.lines);
    }
    assert_eq!(lines[0], lines[1]);
    // 6: panic, which traps and is no more than that.
    let run = run_of(&[&[b"\x01\x06"], &[]]);
    for compiler in COMPILERS {
        let replayed = run.replay(&kernel, &engine(compiler), &mut ()).unwrap();
        assert!(replayed.failure.is_none(), "{:?}", replayed.failure);
    }
}

/// The public installer reveals the pages of a kernel, puts it together, and hands over to it.
#[test]
fn an_installer_of_the_sdk_boots() {
    let pages: BTreeMap<Vec<u8>, Vec<u8>> =
        std::fs::read_dir(vectors().join("kernels/sdk/installer/wasm_2_0_0"))
            .unwrap()
            .map(|page| {
                let path = page.unwrap().path();
                let hash = hex::decode(path.file_name().unwrap().to_str().unwrap()).unwrap();
                ([&[0][..], &hash].concat(), std::fs::read(path).unwrap())
            })
            .collect();
    let installer = read("kernels/sdk/installer/installer.wasm");
    let kernel = read("kernels/sdk/sdk-0.2.0-kernel.wasm");
    for compiler in COMPILERS {
        let mut run = run_of(&[&[b"\x01\x03"], &[b"\x01\x03"]]);
        run.reveals.0.extend(pages.clone());
        let engine = engine(compiler);
        let replayed = run.replay(&installer, &engine, &mut ()).unwrap();
        assert!(replayed.failure.is_none(), "{:?}", replayed.failure);
        assert_eq!(durable(&replayed, 1, "/kernel/boot.wasm")["bytes"], kernel.len());
        assert!(!outbox(&replayed, 1).is_empty());
        assert_eq!(engine.status().compiled, 2);
    }
    // Without its pages there is no answer, and no other outcome is made up.
    let replayed = run_of(&[&[]]).replay(&installer, &engine(COMPILERS[0]), &mut ()).unwrap();
    assert!(replayed.failure.is_some());
}
