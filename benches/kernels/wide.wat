  ;; Stores all over 100 MiB of memory, in an order of its own: a state that grows as large as the memory.
  (func (export "kernel_run") (local $n i32) (local $at i32)
    (local.set $n (call $rounds))
    (if (i32.eq (memory.grow (i32.const 1600)) (i32.const -1)) (then (unreachable)))
    (local.set $at (i32.const 1))
    (loop $again
      ;; All 819,200 pieces of 128 bytes, one after another.
      (local.set $at (i32.rem_u (i32.add (local.get $at) (i32.const 520193)) (i32.const 819200)))
      (i32.store offset=0x10000 (i32.shl (local.get $at) (i32.const 7)) (local.get $n))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $keep (i64.extend_i32_u (local.get $at))))
