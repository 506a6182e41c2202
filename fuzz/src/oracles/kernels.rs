//! Kernels that anybody may install.

use super::machine::RUN_FILE;
use crate::generators::kernel;
use soru_engine::{Compiler, Engine, Options, check};
use soru_pvm::Version;
use std::sync::LazyLock;
use std::time::Duration;

/// Bytes of a kernel: every version says the same of them twice, and later versions refuse nothing that earlier ones took.
pub fn kernel_check(bytes: &[u8]) {
    let verdicts: Vec<_> = Version::ALL.iter().map(|version| check(bytes, *version)).collect();
    for verdict in &verdicts {
        if let Err(error) = verdict {
            let _ = error.to_string();
        }
    }
    assert!(verdicts.is_sorted_by_key(Result::is_ok), "an import was taken away");
}

static ENGINES: LazyLock<[Engine; 2]> = LazyLock::new(|| {
    [Compiler::Cranelift, Compiler::Singlepass].map(|compiler| {
        let options = Options { compiler, deadline: Duration::from_secs(2), ..Options::default() };
        Engine::new(options).expect("an engine")
    })
});

/// Valid kernels without floats: both compilers lead to the same states, or neither leads to one.
pub fn engines_agree(bytes: &[u8]) {
    let Ok(kernel) = kernel(bytes) else { return };
    let [one, two] = ENGINES.each_ref().map(|engine| {
        let replayed = RUN_FILE.replay(&kernel, engine, &mut ()).expect("the state can be read");
        (replayed.lines, replayed.failure.map(|(level, error)| (level, error.to_string())))
    });
    // Memory that the system refuses and time that runs out are not the kernel's doing.
    let decided = |failure: &Option<_>| failure.is_none();
    if decided(&one.1) && decided(&two.1) {
        assert_eq!(one.0, two.0);
    }
}
