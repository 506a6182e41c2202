//! Kernels that do a little of everything.

use soru_base::Binary;
use soru_pvm::reveal::PreimageHash;

/// A page for [`ordinary`].
pub(crate) const PAGE: &[u8] = b"a page of the reveal channel, long enough to be worth a proof";

/// Reads all messages, reveals its metadata and a page, writes both, and runs twice at every level.
pub(crate) fn ordinary(page: &[u8]) -> Vec<u8> {
    let hash: String =
        PreimageHash::of_page(page).to_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
    assemble(
        &format!(
            r#"
  (data (i32.const 0x800) "{hash}")
  (data (i32.const 0x840) "/metadata")
  (data (i32.const 0x850) "/page")"#
        ),
        r#"
    (loop $more
      (br_if $more (call $read_input (i32.const 0x300) (i32.const 0x4000) (i32.const 4096))))
    (drop (call $reveal_metadata (i32.const 0x1800) (i32.const 24)))
    (call $put (i32.const 0x840) (i32.const 9) (i32.const 0x1800) (i32.const 24))
    (local.set $n (call $reveal_preimage (i32.const 0x800) (i32.const 33) (i32.const 0x1900) (i32.const 4096)))
    ;; more is not written at once
    (if (i32.gt_u (local.get $n) (i32.const 2048)) (then (local.set $n (i32.const 2048))))
    (call $put (i32.const 0x850) (i32.const 5) (i32.const 0x1900) (local.get $n))
    (local.set $n (call $count))
    (block $done
      (loop $sum
        (br_if $done (i32.gt_u (local.get $i) (i32.const 50)))
        (i32.store (i32.const 0x3000) (i32.add (i32.load (i32.const 0x3000)) (i32.mul (local.get $i) (local.get $n))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $sum)))
    (if (i32.and (local.get $n) (i32.const 1)) (then (call $reboot)))"#,
    )
}

/// Traps in every second run.
pub(crate) fn trapping() -> Vec<u8> {
    assemble(
        "",
        r#"
    (drop (call $read_input (i32.const 0x300) (i32.const 0x310) (i32.const 1024)))
    (if (i32.and (call $count) (i32.const 1)) (then unreachable))"#,
    )
}

fn assemble(data: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
  (import "smart_rollup_core" "read_input" (func $read_input (param i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_read" (func $store_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_write" (func $store_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "reveal_metadata" (func $reveal_metadata (param i32 i32) (result i32)))
  (import "smart_rollup_core" "reveal_preimage" (func $reveal_preimage (param i32 i32 i32 i32) (result i32)))
  (memory 1)
  (export "mem" (memory 0))
  (data (i32.const 0x100) "/count")
  (data (i32.const 0x110) "/kernel/env/reboot"){data}
  (func $put (param $key i32) (param $key_length i32) (param $from i32) (param $length i32)
    (drop (call $store_write (local.get $key) (local.get $key_length) (i32.const 0) (local.get $from) (local.get $length))))
  ;; how many runs there were, this one included
  (func $count (result i32)
    (drop (call $store_read (i32.const 0x100) (i32.const 6) (i32.const 0) (i32.const 0x200) (i32.const 4)))
    (i32.store (i32.const 0x200) (i32.add (i32.load (i32.const 0x200)) (i32.const 1)))
    (call $put (i32.const 0x100) (i32.const 6) (i32.const 0x200) (i32.const 4))
    (i32.load (i32.const 0x200)))
  (func $reboot
    (call $put (i32.const 0x110) (i32.const 18) (i32.const 0x200) (i32.const 1)))
  (func (export "kernel_run") (local $n i32) (local $i i32){body}))"#
    );
    wat::parse_str(text).unwrap()
}

/// Replaces itself by another kernel in its first run.
pub(crate) const UPGRADE: &[u8] = include_bytes!("../../../../../testdata/vectors/kernels/upgrade.wasm");

/// Replaces itself by the broken kernel whose number a message tells, and is back after it was refused: 0 is refused by the
/// decoder, 2 by the linker, 4 when the instance is made.
pub(crate) const UPGRADE_BROKEN: &[u8] =
    include_bytes!("../../../../../testdata/vectors/kernels/upgrade_broken.wasm");

/// No kernel: the machine is stuck for ever in its first run.
pub(crate) const REFUSED: &[u8] = b"\0asm is how kernels begin, and not how they go on";

/// Calls itself as deep as a message says.
pub(crate) const RECURSION: &[u8] = include_bytes!("../../../../../testdata/vectors/kernels/recursion.wasm");

/// Kernels that no compiler takes and the machine runs: they are run tick by tick.
pub(crate) const ODD: [(&str, &[u8]); 2] = [
    ("store type", include_bytes!("../../../../../testdata/vectors/kernels/invalid/odd_store_type.wasm")),
    ("stack left", include_bytes!("../../../../../testdata/vectors/kernels/invalid/odd_stack_left.wasm")),
];
