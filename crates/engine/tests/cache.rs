//! Compiled kernels on disk. Miri cannot run machine code; under the address sanitizer:
//! `RUSTFLAGS=-Zsanitizer=address cargo +nightly test -p soru-engine --test cache --target x86_64-unknown-linux-gnu`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_engine::{Compiler, Engine, EngineError, Options};
use std::fs;
use std::path::{Path, PathBuf};
use support::{COMPILERS, read, run_file};

fn engine(folder: &Path, compiler: Compiler) -> Engine {
    let cache = Some(folder.to_owned());
    Engine::new(Options { compiler, cache, ..Options::default() }).unwrap()
}

/// Runs a kernel; the hash of the last state.
fn run(engine: &Engine) -> String {
    let run = run_file("levels/counter.jsonl");
    let replayed = run.replay(&read(&run.kernel), engine, &mut ()).unwrap();
    assert!(replayed.failure.is_none(), "{:?}", replayed.failure);
    assert_eq!(replayed.lines, run.lines);
    replayed.lines.last().unwrap()["hash"].to_string()
}

/// Compiled kernels.
fn files(folder: &Path) -> Vec<PathBuf> {
    of_kind(folder, "module")
}

fn of_kind(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == kind)).collect()
}

#[test]
fn a_kernel_is_compiled_once_for_each_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("deeper/modules");
    for compiler in COMPILERS {
        let first = engine(&folder, compiler);
        run(&first);
        run(&first);
        assert_eq!((first.status().compiled, first.status().loaded), (1, 0));
        let second = engine(&folder, compiler);
        run(&second);
        assert_eq!((second.status().compiled, second.status().loaded), (0, 1));
    }
    assert_eq!(files(&folder).len(), 2);
    // The ticks before the kernel are those of the machine: the compiler does not matter.
    let [ticks] = &of_kind(&folder, "ticks")[..] else { panic!("one file") };
    let revision = soru_pvm::handover::REVISION;
    let name = ticks.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.ends_with(&format!("-ready{revision}.ticks")), "{name}");
}

#[test]
fn a_damaged_file_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let hash = run(&engine(folder.path(), Compiler::Cranelift));
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    let good = fs::read(file).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], &good[..40], &good[..3], b""] {
        fs::write(file, bad).unwrap();
        let engine = engine(folder.path(), Compiler::Cranelift);
        assert_eq!(run(&engine), hash);
        assert_eq!((engine.status().compiled, engine.status().loaded), (1, 0));
        // And mended.
        assert_eq!(fs::read(file).unwrap().len(), good.len());
    }
}

#[test]
fn what_another_wasmtime_made_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let hash = run(&engine(folder.path(), Compiler::Cranelift));
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    // The checksum is right, the module is none of Wasmtime's.
    let module = b"something else".to_vec();
    let sum = soru_base::blake2b::hash32(&module);
    fs::write(file, [&sum[..], &module].concat()).unwrap();
    let engine = engine(folder.path(), Compiler::Cranelift);
    assert_eq!(run(&engine), hash);
    assert_eq!((engine.status().compiled, engine.status().loaded), (1, 0));
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let cache = Some(folder.path().to_owned());
    let error = Engine::new(Options { cache, ..Options::default() }).unwrap_err();
    assert!(matches!(error, EngineError::Cache { .. }), "{error}");
    let made = folder.path().join("modules");
    engine(&made, Compiler::Cranelift);
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Some(file.path().join("modules"));
    let error = Engine::new(Options { cache, ..Options::default() }).unwrap_err();
    assert!(matches!(error, EngineError::Cache { .. }), "{error}");
}
