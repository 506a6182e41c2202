//! Kernels that anybody may install.

use soru_engine::check;
use soru_pvm::Version;

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
