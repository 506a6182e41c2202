use super::*;
use crate::reveals::PREIMAGE_DIR;
use soru_base::{CommitmentHash, LevelSpan, RollupAddress};
use soru_engine::{Engine, Options};
use soru_protocol::inbox::{InboxMessage, LevelInbox, ProtocolMessages};
use soru_pvm::reveal::PreimageHash;
use std::time::Duration;

const ROLLUP: RollupAddress = RollupAddress([5; 20]);

/// Writes what external messages hold to the outbox.
const ECHO: &str = r#"(module
  (import "smart_rollup_core" "read_input" (func $read (param i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "write_output" (func $write (param i32 i32) (result i32)))
  (memory 1) (export "mem" (memory 0))
  (func (export "kernel_run") (local $n i32)
    (loop $next
      (local.set $n (call $read (i32.const 0) (i32.const 100) (i32.const 4096)))
      (if (i32.gt_s (local.get $n) (i32.const 0)) (then
        (if (i32.eq (i32.load8_u (i32.const 100)) (i32.const 1)) (then
          (drop (call $write (i32.const 101) (i32.sub (local.get $n) (i32.const 1))))))
        (br $next))))))"#;

const LOOP: &str = r#"(module (memory 1) (export "mem" (memory 0))
  (func (export "kernel_run") (loop $again (br $again))))"#;

fn level(n: u32) -> Level {
    Level::new(n).unwrap()
}

fn machine(dir: &tempfile::TempDir, deadline: Duration) -> WasmMachine<Engine> {
    let engine = Engine::new(Options { deadline, ..Options::default() }).unwrap();
    WasmMachine::new(engine, |_| None, Pages::new(dir.path(), None), KernelLog::Off)
}

fn origin(kernel: &str) -> Origin {
    Origin {
        level: level(2),
        commitment: CommitmentHash::ZERO,
        boot_sector: wat::parse_str(kernel).unwrap(),
        outbox_validity: LevelSpan(80_640),
        outbox_limit: 100,
    }
}

fn place(n: u32) -> Place {
    Place { rollup: ROLLUP, origination: level(2), level: level(n) }
}

fn inbox(n: u32, messages: &[&[u8]]) -> Vec<SerializedMessage> {
    let before = LevelInbox::genesis(level(n - 1), &ProtocolMessages::default()).inbox;
    let external = |m: &&[u8]| InboxMessage::External(m.to_vec()).serialize().unwrap();
    let messages: Vec<_> = messages.iter().map(external).collect();
    LevelInbox::build(&before, &ProtocolMessages::default(), &messages).unwrap().messages
}

#[test]
fn the_version_is_the_one_that_the_genesis_commitment_tells() {
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(&dir, Duration::from_secs(60));
    let mut origin = origin(ECHO);
    let ticks = Limits::FIRST.ticks_per_snapshot;
    for version in [Version::V0, Version::V3, Version::V6] {
        let state = hash_of(&first_state(version, ticks, &origin).unwrap()).unwrap();
        origin.commitment = Commitment::genesis(origin.level, state).hash();
        assert_eq!(machine.genesis(&origin).unwrap().hash, state);
    }
}

#[test]
fn outbox_messages_can_be_proved() {
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(&dir, Duration::from_secs(60));
    let state = machine.genesis(&origin(ECHO)).unwrap().state;
    let after = machine.evaluate(state, place(3), &inbox(3, &[b"one", b"two"])).unwrap();
    assert_eq!((after.outbox_len, after.status.as_str()), (2, WAITING));
    assert!(after.tick > Tick(11_000_000_000 - 1));
    let messages = machine.outbox(&after.state, level(3)).unwrap();
    assert_eq!(messages, [(0, b"one".to_vec()), (1, b"two".to_vec())]);

    let proof = machine.output_proof(&after.state, level(3), 1).unwrap().unwrap();
    let proof = OutputProof::from_bytes(&proof).unwrap();
    assert_eq!(proof.state_hash(), after.hash);
    assert_eq!(proof.verify().unwrap().message.as_ref(), b"two");
    assert_eq!(machine.output_proof(&after.state, level(3), 2).unwrap(), None);
}

#[test]
fn the_durable_storage_can_be_looked_into() {
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(&dir, Duration::from_secs(60));
    let origin = origin(ECHO);
    let state = machine.genesis(&origin).unwrap().state;
    assert_eq!(machine.durable_value(&state, "/kernel/boot.wasm").unwrap().unwrap(), origin.boot_sector);
    let length = machine.durable_length(&state, "/kernel/boot.wasm").unwrap();
    assert_eq!(length, Some(origin.boot_sector.len() as u64));
    assert_eq!(machine.durable_value(&state, "/none").unwrap(), None);
    assert_eq!(machine.durable_length(&state, "/kernel").unwrap(), None);
    assert_eq!(machine.durable_subkeys(&state, "/").unwrap(), ["kernel", "readonly"]);
    assert_eq!(machine.durable_subkeys(&state, "/kernel").unwrap(), ["boot.wasm", "env"]);
    assert!(matches!(machine.durable_value(&state, "kernel"), Err(MachineError::Key(_))));
}

fn obstacle(result: Result<Evaluated, MachineError>) -> Obstacle {
    match result {
        Err(MachineError::Undecided { obstacle, .. }) => obstacle,
        other => panic!("expected an obstacle, found {other:?}"),
    }
}

#[test]
fn a_loop_ends_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(&dir, Duration::ZERO);
    let state = machine.genesis(&origin(LOOP)).unwrap().state;
    assert_eq!(obstacle(machine.evaluate(state, place(3), &inbox(3, &[]))), Obstacle::Deadline);
}

#[test]
fn a_loop_gets_stuck_at_its_bound() {
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(&dir, Duration::from_secs(600));
    let state = machine.genesis(&origin(LOOP)).unwrap().state;
    let after = machine.evaluate(state, place(3), &inbox(3, &[])).unwrap();
    assert_eq!((after.tick, &*after.status), (Tick(22_000_000_000), r#"Stuck: {"kind":"Too_many_ticks"}"#));
}

#[test]
fn a_page_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(&dir, Duration::from_secs(60));
    let hash = PreimageHash::of_page(b"page");
    let escaped: String = hash.to_bytes().iter().map(|b| format!("\\{b:02x}")).collect();
    let kernel = format!(
        r#"(module
          (import "smart_rollup_core" "reveal_preimage" (func $reveal (param i32 i32 i32 i32) (result i32)))
          (import "smart_rollup_core" "write_output" (func $write (param i32 i32) (result i32)))
          (memory 1) (export "mem" (memory 0))
          (data (i32.const 0) "{escaped}")
          (func (export "kernel_run")
            (drop (call $write (i32.const 100)
              (call $reveal (i32.const 0) (i32.const 33) (i32.const 100) (i32.const 4096))))))"#
    );
    let state = machine.genesis(&origin(&kernel)).unwrap().state;
    let waiting = machine.evaluate(state.clone(), place(3), &inbox(3, &[]));
    assert_eq!(obstacle(waiting), Obstacle::Reveal);
    std::fs::create_dir(dir.path().join(PREIMAGE_DIR)).unwrap();
    std::fs::write(dir.path().join(PREIMAGE_DIR).join(hash.to_string()), b"page").unwrap();
    let after = machine.evaluate(state, place(3), &inbox(3, &[])).unwrap();
    assert_eq!(machine.outbox(&after.state, level(3)).unwrap(), [(0, b"page".to_vec())]);
}

fn trial(deadline: u64) -> Trial {
    Trial { pages: Vec::new(), deadline: Duration::from_millis(deadline), log: None }
}

#[test]
fn a_simulation_comes_to_what_the_level_would() {
    let dir = tempfile::tempdir().unwrap();
    let machine = machine(&dir, Duration::from_secs(60));
    let state = machine.genesis(&origin(ECHO)).unwrap().state;
    assert_eq!(machine.current_level(&state), Ok(None));
    let messages = inbox(3, &[b"one"]);
    let simulated = machine.simulate(state.clone(), place(3), &messages, trial(60_000)).unwrap();
    let evaluated = machine.evaluate(state, place(3), &messages).unwrap();
    assert_eq!((simulated.hash, simulated.tick), (evaluated.hash, evaluated.tick));
    assert_eq!(machine.current_level(&simulated.state), Ok(Some(level(3))));
}

#[test]
fn a_simulation_is_given_up_where_a_level_would_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let stuck = r#"(module (type $f (func)) (table 1 funcref) (memory 1) (export "mem" (memory 0))
      (func (export "kernel_run") (call_indirect (type $f) (i32.const 0))))"#;
    for (kernel, of_run, deadline, obstacle, cause) in [
        (LOOP, 0, 60_000, Obstacle::Deadline, "which is the deadline"),
        (ECHO, 60, 0, Obstacle::Deadline, "within"),
        (stuck, 60, 60_000, Obstacle::Engine, "stuck for ever"),
    ] {
        let slow = machine(&dir, Duration::from_secs(60));
        let quick =
            move || Engine::new(Options { deadline: Duration::from_secs(of_run), ..Options::default() });
        let machine = slow.with_simulator(move || quick().map_err(|e| e.to_string()));
        let state = machine.genesis(&origin(kernel)).unwrap().state;
        let found = machine.simulate(state, place(3), &inbox(3, &[]), trial(deadline));
        let Err(MachineError::Undecided { obstacle: found, reason }) = found else { panic!("{found:?}") };
        assert_eq!(found, obstacle, "{reason}");
        assert!(reason.contains(cause), "{reason}");
    }
}

#[test]
fn pages_that_are_handed_over_are_found_before_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut handed = Handed::new(vec![b"page".to_vec()], Pages::new(dir.path(), None));
    assert_eq!(handed.preimage(PreimageHash::of_page(b"page")).unwrap(), b"page");
    assert!(
        handed.preimage(PreimageHash::of_page(b"other")).unwrap_err().reason.contains("waiting for the file")
    );
}

#[test]
fn a_run_that_is_nearly_too_long_is_told() {
    let run = |ticks: Option<u64>, end: RunEnd| Run { end, ticks: ticks.map(TickSpan), then: None };
    let told = |runs: &[Run]| notes(runs, TickSpan(1_000), false);
    assert!(told(&[run(Some(900), RunEnd::Finished), run(None, RunEnd::Finished)]).is_empty());
    let near = [run(Some(5), RunEnd::Finished), run(Some(901), RunEnd::Finished)];
    assert_eq!(told(&near), ["kernel_run 1 took 901 ticks of the 1000 that it may take"]);
    let stuck = RunEnd::Stuck { stage: None, reason: "too many ticks".to_owned() };
    assert_eq!(told(&[run(Some(1_000), stuck)]).len(), 1);
}

#[test]
fn what_a_run_is_told_to_have_taken_is_no_padding() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::new(Options { kind: Kind::TickExact, ..Options::default() }).unwrap();
    let machine =
        WasmMachine::new(engine, |e| Some(e.status()), Pages::new(dir.path(), None), KernelLog::Off);
    let state = machine.genesis(&origin(ECHO)).unwrap().state;
    let runs = machine.evaluate(state, place(3), &inbox(3, &[b"one"])).unwrap().runs;
    assert_eq!(runs.bound, Limits::FIRST.ticks_per_snapshot);
    let [run] = &runs.runs[..] else { panic!("{runs}") };
    assert_eq!(run.ending, crate::kernel_runs::Ending::Finished);
    assert!(run.ticks.is_some_and(|ticks| ticks.0 > 1_000 && ticks.0 < 1_000_000), "{runs}");
    assert_eq!(machine.engine().map(|status| status.ticks), run.ticks.map(|ticks| ticks.0));
}
