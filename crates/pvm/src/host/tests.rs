//! Each host function and each of its error codes.

use super::*;
use crate::lazy::ByteVector;
use crate::reveal::RevealError;
use crate::state::{InputPlace, Machine};
use proptest::collection::vec;
use proptest::prelude::*;
use soru_base::level::{Level, LevelSpan};
use soru_merkle::Tree;

const PAGE: usize = 1 << 16;
const KEY: i32 = 0;
const OTHER: i32 = 0x400;
const DATA: i32 = 0x1000;

/// Answers each request with a fixed page.
struct Answer(Result<Vec<u8>, RevealError>);

impl RevealSource for Answer {
    fn reveal(&mut self, _: &[u8]) -> Result<Vec<u8>, RevealError> {
        self.0.clone()
    }
}

/// A kernel with one page of memory, and what it sees.
struct Kernel {
    memory: Vec<u8>,
    version: Version,
    durable: Durable,
    input: InputBuffer,
    output: OutputBuffer,
    answer: Answer,
    debug: Vec<u8>,
}

impl Kernel {
    fn new() -> Self {
        let mut durable = Durable::default();
        durable.set_version(Version::V0).unwrap();
        durable.install_kernel(b"kernel").unwrap();
        let mut output = OutputBuffer::new(LevelSpan(10), 2);
        output.open(Level::new(7).unwrap());
        Self {
            memory: vec![0; PAGE],
            version: Version::V6,
            durable,
            input: InputBuffer::default(),
            output,
            answer: Answer(Ok(vec![])),
            debug: vec![],
        }
    }

    fn put(&mut self, at: i32, bytes: &[u8]) -> i32 {
        self.memory[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        bytes.len() as i32
    }

    fn try_call(
        &mut self,
        function: HostFunction,
        args: &[HostValue],
    ) -> Result<Option<HostValue>, HostTrap> {
        let mut host = HostState::new(
            self.version,
            self.durable.clone(),
            std::mem::take(&mut self.input),
            self.output.clone(),
            &mut self.answer,
            &mut self.debug,
        );
        host.begin_run().unwrap();
        let result = host.call(function, args, &mut &mut self.memory[..]);
        let HostState { durable, input, output, .. } = host;
        (self.durable, self.input, self.output) = (durable, input, output);
        result
    }

    fn call(&mut self, function: HostFunction, args: &[i32]) -> i64 {
        let args: Vec<_> = args.iter().copied().map(HostValue::I32).collect();
        match self.try_call(function, &args).unwrap() {
            Some(HostValue::I32(code)) => i64::from(code),
            Some(HostValue::I64(code)) => code,
            None => i64::MIN,
        }
    }

    /// With a key in front of the arguments.
    fn with_key(&mut self, function: HostFunction, key: &str, args: &[i32]) -> i64 {
        let len = self.put(KEY, key.as_bytes());
        self.call(function, &[&[KEY, len], args].concat())
    }

    fn with_keys(&mut self, function: HostFunction, from: &str, to: &str) -> i64 {
        let (from, to) = (self.put(KEY, from.as_bytes()), self.put(OTHER, to.as_bytes()));
        self.call(function, &[KEY, from, OTHER, to])
    }

    fn nth(&mut self, key: &str, index: i64, dst: i32, max: i32) -> Result<i32, HostTrap> {
        let len = self.put(KEY, key.as_bytes());
        let args = [
            HostValue::I32(KEY),
            HostValue::I32(len),
            HostValue::I64(index),
            HostValue::I32(dst),
            HostValue::I32(max),
        ];
        match self.try_call(HostFunction::StoreGetNthKey, &args)? {
            Some(HostValue::I32(code)) => Ok(code),
            other => panic!("{other:?}"),
        }
    }

    fn set(&mut self, key: &str, value: &[u8]) {
        self.durable.set(&Key::parse(key.as_bytes()).unwrap(), value).unwrap();
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.durable.read_all(&Key::parse(key.as_bytes()).unwrap(), 1 << 20).unwrap()
    }
}

use crate::durable::Key;
use HostFunction as F;

#[test]
fn keys() {
    let mut k = Kernel::new();
    for (key, code) in [
        ("/a", 0),
        ("/a/b.c-d_E9", 0),
        ("", 2),
        ("/readonly/wasm_version", 1),
        ("a", -2),
        ("/", -2),
        ("/a/", -2),
        ("//a", -2),
        ("/a@", -2),
        ("/é", -2),
    ] {
        assert_eq!(k.with_key(F::StoreHas, key, &[]), code, "{key:?}");
    }
    let longest = format!("/{}", "k".repeat(239));
    assert_eq!(k.with_key(F::StoreHas, &longest, &[]), 0);
    assert_eq!(k.with_key(F::StoreHas, &format!("{longest}k"), &[]), -1);
    assert_eq!(k.call(F::StoreHas, &[KEY, i32::MAX]), -1);
    // A negative length is not a long key.
    assert_eq!(k.call(F::StoreHas, &[KEY, -1]), -8);
    assert_eq!(k.call(F::StoreHas, &[PAGE as i32 - 1, 2]), -6);
    // No byte is read: the address does not matter.
    assert_eq!(k.call(F::StoreHas, &[-1, 0]), 2);
}

#[test]
fn presence() {
    let mut k = Kernel::new();
    k.set("/v", b"x");
    k.set("/d/below", b"x");
    k.set("/both", b"x");
    k.set("/both/below", b"x");
    let found = ["/none", "/v", "/d", "/both"]
        .map(|key| [F::StoreHas, F::StoreExists, F::StoreListSize].map(|f| k.with_key(f, key, &[])));
    assert_eq!(found, [[0, 0, 0], [1, 1, 1], [2, 1, 1], [3, 1, 2]]);
    assert_eq!(k.with_key(F::StoreListSize, "bad", &[]), -2);
}

#[test]
fn writing() {
    let mut k = Kernel::new();
    k.put(DATA, &[7; 4000]);
    let write =
        |k: &mut Kernel, key: &str, offset, count| k.with_key(F::StoreWrite, key, &[offset, DATA, count]);
    assert_eq!(write(&mut k, "/v", 0, 2048), 0);
    assert_eq!(write(&mut k, "/v", 2048, 10), 0);
    assert_eq!(k.with_key(F::StoreValueSize, "/v", &[]), 2058);
    assert_eq!(k.get("/v"), Some(vec![7; 2058]));
    assert_eq!(write(&mut k, "/v", 0, 2049), -7);
    assert_eq!(write(&mut k, "/v", 2059, 1), -4);
    assert_eq!(write(&mut k, "/v", -1, 1), -8);
    assert_eq!(write(&mut k, "/v", 0, -1), -5);
    assert_eq!(write(&mut k, "/v", 0, i32::MAX), -5);
    assert_eq!(write(&mut k, "/new", 0, i32::MAX), -6);
    assert_eq!(write(&mut k, "/new", 1, 1), -4);
    assert_eq!(write(&mut k, "/readonly/x", 0, 1), -9);
    // The key comes before the memory, the memory before the permission, the permission before the length.
    assert_eq!(write(&mut k, "bad", 0, i32::MAX), -2);
    assert_eq!(write(&mut k, "/readonly/x", 0, i32::MAX), -6);
    assert_eq!(write(&mut k, "/readonly/x", 0, 2049), -9);
    assert_eq!(k.with_key(F::StoreWrite, "/v", &[0, PAGE as i32 - 1, 2]), -6);
    assert_eq!(write(&mut k, "/empty", 0, 0), 0);
    assert_eq!(k.get("/empty"), Some(vec![]));
}

#[test]
fn reading() {
    let mut k = Kernel::new();
    let value: Vec<_> = (0..3000u32).map(|i| i as u8).collect();
    k.set("/v", &value);
    let read = |k: &mut Kernel, offset, dst, max| k.with_key(F::StoreRead, "/v", &[offset, dst, max]);
    assert_eq!(read(&mut k, 500, DATA, 2048), 2048);
    assert_eq!(k.memory[DATA as usize..][..2048], value[500..2548]);
    assert_eq!(read(&mut k, 2999, DATA, 2048), 1);
    assert_eq!(read(&mut k, 0, DATA, 0), 0);
    assert_eq!(read(&mut k, 0, -1, 0), 0);
    assert_eq!(read(&mut k, 3000, DATA, 1), -4);
    assert_eq!(read(&mut k, -1, DATA, 1), -4);
    assert_eq!(read(&mut k, 0, DATA, 2049), -7);
    assert_eq!(read(&mut k, 0, DATA, -1), -8);
    assert_eq!(k.with_key(F::StoreRead, "/none", &[0, DATA, 1]), -3);
    assert_eq!(k.with_key(F::StoreRead, "/none", &[0, DATA, 2049]), -7);
    assert_eq!(k.with_key(F::StoreValueSize, "/none", &[]), -3);
    // What fits into the memory is written before the error is seen.
    k.memory[PAGE - 2..].fill(0xee);
    assert_eq!(read(&mut k, 1, PAGE as i32 - 2, 4), -6);
    assert_eq!(k.memory[PAGE - 2..], value[1..3]);
}

#[test]
fn moving_and_deleting() {
    let mut k = Kernel::new();
    k.set("/a/x", b"1");
    k.set("/a", b"2");
    assert_eq!(k.with_keys(F::StoreCopy, "/a", "/b/c"), 0);
    assert_eq!(
        (k.get("/b/c"), k.get("/b/c/x"), k.get("/a/x")),
        (Some(b"2".into()), Some(b"1".into()), Some(b"1".into()))
    );
    assert_eq!(k.with_keys(F::StoreMove, "/a", "/b"), 0);
    assert_eq!((k.get("/b/x"), k.get("/b/c"), k.get("/a")), (Some(b"1".into()), None, None));
    assert_eq!(k.with_keys(F::StoreMove, "/none", "/b"), -10);
    assert_eq!(k.with_keys(F::StoreCopy, "/none", "/b"), -10);
    assert_eq!(k.with_keys(F::StoreCopy, "/none", "/readonly/b"), -9);
    assert_eq!(k.with_keys(F::StoreMove, "/readonly", "/b"), -9);
    assert_eq!(k.with_keys(F::StoreMove, "/b", ""), -9);
    assert_eq!(k.with_keys(F::StoreCopy, "/readonly/wasm_version", "/v"), 0);
    assert_eq!(k.get("/v"), Some(b"2.0.0".into()));
    assert_eq!(k.with_key(F::StoreDeleteValue, "/b/x", &[]), 0);
    assert_eq!(k.with_key(F::StoreHas, "/b", &[]), 1);
    assert_eq!(k.with_key(F::StoreDelete, "/b", &[]), 0);
    assert_eq!(k.with_key(F::StoreDelete, "/b", &[]), 0);
    assert_eq!(k.with_key(F::StoreHas, "/b", &[]), 0);
    assert_eq!(k.with_key(F::StoreDelete, "", &[]), -9);
    assert_eq!(k.with_key(F::StoreDeleteValue, "/readonly/wasm_version", &[]), -9);
}

#[test]
fn creating() {
    let mut k = Kernel::new();
    assert_eq!(k.with_key(F::StoreCreate, "/v", &[1000]), 0);
    assert_eq!(k.with_key(F::StoreCreate, "/v", &[1000]), -13);
    assert_eq!(k.get("/v"), Some(vec![0; 1000]));
    assert_eq!(k.with_key(F::StoreCreate, "/w", &[-1]), -5);
    assert_eq!(k.with_key(F::StoreCreate, "/readonly/w", &[1]), -9);
    assert_eq!(k.with_key(F::StoreCreate, "/huge", &[i32::MAX]), 0);
    assert_eq!(k.with_key(F::StoreValueSize, "/huge", &[]), i64::from(i32::MAX));
    assert_eq!(k.with_key(F::StoreRead, "/huge", &[i32::MAX - 1, DATA, 5]), 1);
}

#[test]
fn children() {
    let mut k = Kernel::new();
    k.set("/d", b"");
    for child in ["alpha", "b", "c"] {
        k.set(&format!("/d/{child}"), b"");
    }
    let mut names = vec![];
    for index in 0..4 {
        k.memory[DATA as usize..][..16].fill(0);
        let len = k.nth("/d", index, DATA, 16).unwrap();
        names.push(String::from_utf8(k.memory[DATA as usize..][..len as usize].to_vec()).unwrap());
    }
    names.sort();
    assert_eq!(names, ["", "alpha", "b", "c"]);
    let alpha = (0..4).find(|i| k.nth("/d", *i, DATA, 16).unwrap() == 5).unwrap();
    assert_eq!(k.nth("/d", alpha, DATA, 2).unwrap(), 2);
    assert_eq!(k.nth("/d", alpha, PAGE as i32 - 3, 16).unwrap(), -6);
    assert_eq!(k.nth("/d", 4, DATA, 16).unwrap(), -12);
    assert_eq!(k.nth("/d", -1, DATA, 16).unwrap(), -8);
    // Integers of 63 bits: the highest bit is not seen.
    assert_eq!(k.nth("/d", alpha | i64::MIN, DATA, 16).unwrap(), 5);
    assert_eq!(k.nth("/none", 0, DATA, 16).unwrap(), -10);
    assert!(matches!(k.nth("/d", 0, DATA, -1), Err(HostTrap::Stuck { .. })));
}

#[test]
fn hashes() {
    let mut k = Kernel::new();
    k.set("/d", b"value");
    assert_eq!(k.with_key(F::StoreGetHash, "/d", &[DATA, 32]), 32);
    let hash = k.durable.tree().find_tree(&["d"]).unwrap().unwrap().hash().unwrap();
    assert_eq!(&k.memory[DATA as usize..][..32], hash.as_bytes());
    assert_eq!(k.with_key(F::StoreGetHash, "/d", &[DATA, 31]), 31);
    assert_eq!(k.with_key(F::StoreGetHash, "/none", &[DATA, 32]), -10);
    let len = k.put(KEY, b"/d");
    let args = [KEY, len, DATA, -1].map(HostValue::I32);
    assert!(matches!(k.try_call(F::StoreGetHash, &args), Err(HostTrap::Stuck { .. })));
}

#[test]
fn input() {
    let mut k = Kernel::new();
    let read = |k: &mut Kernel, info, dst, max| k.call(F::ReadInput, &[info, dst, max]);
    assert_eq!(read(&mut k, 0, DATA, 4096), 0);
    for counter in 3..6 {
        let message =
            crate::buffers::InputMessage { level: Level::new(258).unwrap(), counter, payload: vec![9; 100] };
        assert!(k.input.push(message).unwrap());
    }
    let end = PAGE as i32;
    assert_eq!(read(&mut k, end - 8, DATA, 4096), -6, "strict, though the last byte is inside");
    assert_eq!(read(&mut k, 0, end - 4096, 4096), -6);
    assert_eq!(read(&mut k, 0, end - 4096, 5000), -6);
    assert_eq!(read(&mut k, 0, DATA, -1), -6);
    assert_eq!(k.input.len(), 3, "an error takes no message");
    assert_eq!(read(&mut k, 16, DATA, i32::MAX), 100);
    assert_eq!(k.memory[16..24], [2, 1, 0, 0, 3, 0, 0, 0]);
    assert_eq!(k.memory[DATA as usize..][..101], [&[9; 100][..], &[0]].concat());
    assert_eq!(read(&mut k, end - 9, end - 11, 10), 10);
    assert_eq!(read(&mut k, 16, DATA, 0), 0);
    assert_eq!(k.memory[16..24], [2, 1, 0, 0, 5, 0, 0, 0]);
    assert!(k.input.is_empty());
}

#[test]
fn output() {
    let mut k = Kernel::new();
    k.put(DATA, b"hello");
    let write = |k: &mut Kernel, src, len| k.call(F::WriteOutput, &[src, len]);
    assert_eq!(write(&mut k, DATA, 4097), -7);
    assert_eq!(write(&mut k, DATA, -1), -8);
    assert_eq!(write(&mut k, PAGE as i32 - 4, 5), -6);
    assert_eq!(write(&mut k, DATA, 5), 0);
    assert_eq!(write(&mut k, DATA, 4096), 0);
    assert_eq!(write(&mut k, DATA, 0), -11);
    let outbox = k.output.outbox(Level::new(7).unwrap()).unwrap().unwrap();
    assert_eq!((outbox.len(), &outbox[0][..]), (2, &b"hello"[..]));
    k.output = OutputBuffer::new(LevelSpan(10), 2);
    assert_eq!(write(&mut k, DATA, 5), -8, "no outbox is open");
}

#[test]
fn debug_output_is_shown_and_never_fails() {
    let mut k = Kernel::new();
    let len = k.put(DATA, b"text");
    assert_eq!(k.call(F::WriteDebug, &[DATA, len]), i64::MIN);
    k.call(F::WriteDebug, &[DATA, -1]);
    k.call(F::WriteDebug, &[-1, 10]);
    assert_eq!(k.debug, b"text");
}

#[test]
fn reveals() {
    let mut k = Kernel::new();
    k.answer = Answer(Ok((1..=50).collect()));
    k.put(KEY, &[0; 33]);
    assert_eq!(k.call(F::RevealPreimage, &[KEY, 33, DATA, 4096]), 50);
    assert_eq!(k.memory[DATA as usize + 49], 50);
    assert_eq!(k.call(F::RevealPreimage, &[KEY, 33, DATA, 10]), 10);
    assert_eq!(k.call(F::RevealPreimage, &[KEY, 33, DATA, 0]), 0);
    assert_eq!(k.call(F::RevealPreimage, &[KEY, 4097, DATA, 10]), -7);
    assert_eq!(k.call(F::RevealPreimage, &[KEY, -1, DATA, 10]), -8);
    assert_eq!(k.call(F::RevealPreimage, &[-1, 33, DATA, 10]), -6);
    assert_eq!(k.call(F::RevealMetadata, &[DATA, 24]), 24);
    assert_eq!(k.call(F::Reveal, &[KEY, 1, DATA, 24]), 24);
    for args in [[PAGE as i32 - 10, 24], [DATA, -1]] {
        let trap = k.try_call(F::RevealMetadata, &args.map(HostValue::I32)).unwrap_err();
        assert!(matches!(trap, HostTrap::Undecided(RunnerError::NoNextState { .. })), "{trap}");
    }
    k.answer = Answer(Err(RevealError::new("not there yet")));
    let trap = k.try_call(F::RevealMetadata, &[DATA, 24].map(HostValue::I32)).unwrap_err();
    assert_eq!(trap.to_string(), "the data of the reveal 01 is not available: not there yet");
}

#[test]
fn start_functions_call_nothing() {
    let mut k = Kernel::new();
    let mut host = HostState::new(Version::V0, k.durable, k.input, k.output, &mut k.answer, &mut k.debug);
    for (function, args, words) in [
        (F::WriteDebug, [0, 0], "host functions must not access memory during initialisation"),
        (F::RevealMetadata, [0, 0], "Invoke_step: The reveal tick cannot be evaluated as is"),
    ] {
        let trap = host.call(function, &args.map(HostValue::I32), &mut &mut k.memory[..]).unwrap_err();
        let outcome = Outcome::Refused { stage: Stage::Init, reason: words.to_owned() };
        assert_eq!(trap.into_outcome().unwrap(), outcome);
    }
}

#[test]
fn versions_have_their_functions() {
    let count = |version| F::ALL.iter().filter(|f| F::by_name(version, f.name()).is_some()).count();
    assert_eq!(Version::ALL.map(count), [14, 17, 18, 19, 19, 19, 19, 19]);
    assert_eq!(F::by_name(Version::V0, "store_exists"), None);
    for function in F::ALL {
        assert_eq!(F::by_name(Version::Experimental, function.name()), Some(function));
        assert!(function.results().len() <= 1);
    }
    let mut k = Kernel::new();
    assert!(matches!(
        k.try_call(F::ReadInput, &[HostValue::I64(0)]),
        Err(HostTrap::Undecided(RunnerError::Engine(_)))
    ));
}

fn argument() -> impl Strategy<Value = i32> {
    prop_oneof![
        3 => 0i32..300,
        1 => any::<i32>(),
        1 => (PAGE as i32 - 5)..(PAGE as i32 + 5),
        1 => prop::sample::select(vec![-1, 0, 32, 33, 2048, 2049, 4096, 4097, i32::MAX, i32::MIN]),
    ]
}

proptest! {
    /// Whatever a kernel asks for, it gets an answer or an end.
    #[test]
    fn no_call_panics(
        calls in vec((prop::sample::select(&F::ALL[..]), vec(argument(), 5), any::<i64>(), argument()), 1..20),
        page in any::<u8>(),
    ) {
        let mut k = Kernel::new();
        k.set("/k", &[page; 700]);
        k.answer = Answer(Ok(vec![page; 100]));
        for (at, key) in ["/k", "/k/l", "/readonly/kernel/boot.wasm", "", "/k/"].iter().enumerate() {
            k.put(at as i32 * 40, key.as_bytes());
        }
        for (function, ints, long, span) in calls {
            // Mostly keys that are there, with their lengths.
            let ints = if span % 3 == 0 { ints } else { [&[0, 2, 40, 4], &ints[..1]].concat() };
            let args = function.params().iter().zip(ints).map(|(param, int)| match param {
                ValueType::I32 => HostValue::I32(int),
                ValueType::I64 => HostValue::I64(if long % 2 == 0 { long } else { i64::from(int) }),
            });
            let args: Vec<_> = args.collect();
            prop_assert!(function.accepts(&args));
            if let Ok(result) = k.try_call(function, &args) {
                prop_assert_eq!(result.is_some(), !function.results().is_empty());
                if let Some(HostValue::I32(code)) = result {
                    prop_assert!(code >= -13);
                }
            }
        }
        for (_, value) in k.durable.values().unwrap() {
            value.length().unwrap();
        }
    }
}

/// Some calls of every kind, on a state.
fn calls_on(tree: Tree) -> Result<(Tree, Vec<i64>), StateError> {
    let mut machine = Machine::from_tree(&tree)?;
    let mut k = Kernel::new();
    (k.durable, k.input, k.output) = (machine.durable, machine.input, machine.output);
    let mut codes = vec![
        k.call(F::ReadInput, &[0, DATA, 4096]),
        k.with_key(F::StoreWrite, "/d/new", &[0, DATA, 700]),
        k.with_key(F::StoreWrite, "/big", &[1000, DATA, 100]),
        k.with_key(F::StoreRead, "/big", &[990, DATA, 30]),
        k.with_key(F::StoreHas, "/d", &[]),
        k.with_keys(F::StoreMove, "/d", "/e"),
        k.with_keys(F::StoreCopy, "/e", "/f"),
        k.with_key(F::StoreDelete, "/e/3", &[]),
        k.with_key(F::StoreListSize, "/e", &[]),
        k.with_key(F::StoreValueSize, "/big", &[]),
        k.with_key(F::StoreGetHash, "/f", &[DATA, 32]),
        k.call(F::WriteOutput, &[DATA, 32]),
    ];
    codes.push(i64::from(k.nth("/f", 5, DATA, 16).unwrap()));
    (machine.durable, machine.input, machine.output) = (k.durable, k.input, k.output);
    let mut tree = tree;
    machine.apply(&mut tree)?;
    Ok((tree, codes))
}

#[derive(Debug)]
enum Failed {
    Proof,
    State,
}

impl From<soru_merkle::ProofError> for Failed {
    fn from(_: soru_merkle::ProofError) -> Self {
        Self::Proof
    }
}

#[test]
fn calls_on_a_proof_do_what_they_do_on_the_whole_tree() {
    use soru_merkle::proof::{produce, verify};
    let mut tree = crate::machine::initial_state(Version::V0).unwrap();
    crate::machine::install_boot_sector(&mut tree, b"kernel", crate::Limits::FIRST).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    for (counter, message) in (0..).zip([&[0, 1][..], &[1, 5, 6], &[1]]) {
        machine.set_input(InputPlace { level: Level::new(3).unwrap(), counter }, message).unwrap();
    }
    for child in 0..40 {
        machine.durable.set(&Key::parse(format!("/d/{child}").as_bytes()).unwrap(), b"x").unwrap();
    }
    machine.durable.set(&Key::parse(b"/big").unwrap(), &[5; 5000]).unwrap();
    machine.apply(&mut tree).unwrap();

    let (whole, codes) = calls_on(tree.clone()).unwrap();
    let (proof, proved) = produce(&tree, |tree| calls_on(tree).map_err(|_| Failed::State)).unwrap();
    let (end, verified) = verify(&proof, |tree| calls_on(tree).map_err(|_| Failed::State)).unwrap();
    assert_eq!(codes, [2, 0, 0, 30, 2, 0, 0, 0, 40, 5000, 32, 0, codes[12]]);
    assert_eq!((&proved, &verified), (&codes, &codes));
    assert_eq!(end.hash().unwrap(), whole.hash().unwrap());
    // What was not read is not there: the first chunk of the value.
    let partial = proof.to_tree().unwrap();
    let value = ByteVector::of_tree(partial.find_tree(&["durable", "big", "@"]).unwrap().unwrap());
    assert!(value.read(0, 10).unwrap_err().is_blinded());
}
