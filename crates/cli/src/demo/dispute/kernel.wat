;; What the demo of disputes argues about: a kernel that does a little of everything that a tick can be about. A run reads the
;; whole inbox, asks for the rollup's metadata and for a page, mixes every byte into a sum, keeps sum and count, and puts the
;; sum into the outbox.
(module
  (import "smart_rollup_core" "read_input" (func $read_input (param i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "write_output" (func $write_output (param i32 i32) (result i32)))
  (import "smart_rollup_core" "store_read" (func $store_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_write" (func $store_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "reveal_metadata" (func $reveal_metadata (param i32 i32) (result i32)))
  (import "smart_rollup_core" "reveal_preimage" (func $reveal_preimage (param i32 i32 i32 i32) (result i32)))

  (memory (export "mem") 1)
  ;; 0: level and index of a message; 16: sum and count of messages
  (data (i32.const 32) "/ledger")
  ;; 64: the hash of the page, and its scheme before it
  (data (i32.const 64) "{PAGE}")
  ;; 1024: what was read last

  (global $sum (mut i64) (i64.const 0))
  (global $count (mut i64) (i64.const 0))

  ;; Mixes bytes into the sum, one after the other (FNV-1a).
  (func $mix (param $at i32) (param $length i32)
    (block $done
      (loop $next
        (br_if $done (i32.le_s (local.get $length) (i32.const 0)))
        (global.set $sum
          (i64.mul
            (i64.xor (global.get $sum) (i64.load8_u (local.get $at)))
            (i64.const 0x100000001b3)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next))))

  (func (export "kernel_run") (local $length i32)
    (if (i32.eq (call $store_read (i32.const 32) (i32.const 7) (i32.const 0) (i32.const 16) (i32.const 16)) (i32.const 16))
      (then
        (global.set $sum (i64.load (i32.const 16)))
        (global.set $count (i64.load (i32.const 24)))))

    (call $mix (i32.const 1024) (call $reveal_metadata (i32.const 1024) (i32.const 24)))
    (call $mix
      (i32.const 1024)
      (call $reveal_preimage (i32.const 64) (i32.const 33) (i32.const 1024) (i32.const 4096)))

    (block $empty
      (loop $next
        (local.set $length (call $read_input (i32.const 0) (i32.const 1024) (i32.const 4096)))
        (br_if $empty (i32.le_s (local.get $length) (i32.const 0)))
        (call $mix (i32.const 1024) (local.get $length))
        (global.set $count (i64.add (global.get $count) (i64.const 1)))
        (br $next)))

    (i64.store (i32.const 16) (global.get $sum))
    (i64.store (i32.const 24) (global.get $count))
    (drop (call $store_write (i32.const 32) (i32.const 7) (i32.const 0) (i32.const 16) (i32.const 16)))
    (drop (call $write_output (i32.const 16) (i32.const 8)))))
