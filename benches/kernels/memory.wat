  ;; Loads and stores: the sieve of Eratosthenes over 64 KiB, the primes counted, part of it copied and cleared.
  (func (export "kernel_run") (local $n i32) (local $i i32) (local $j i32) (local $sum i64)
    (local.set $n (call $rounds))
    (drop (memory.grow (i32.const 3)))
    (loop $again
      (memory.fill (i32.const 0x10000) (i32.const 0) (i32.const 0x10000))
      (local.set $i (i32.const 2))
      (loop $prime
        (if (i32.eqz (i32.load8_u offset=0x10000 (local.get $i)))
          (then
            (local.set $j (i32.mul (local.get $i) (local.get $i)))
            (block $done
              (loop $multiple
                (br_if $done (i32.ge_u (local.get $j) (i32.const 0x10000)))
                (i32.store8 offset=0x10000 (local.get $j) (i32.const 1))
                (local.set $j (i32.add (local.get $j) (local.get $i)))
                (br $multiple)))))
        (br_if $prime (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256))))
      (memory.copy (i32.const 0x20000) (i32.const 0x10000) (i32.const 0x4000))
      (local.set $i (i32.const 0))
      (loop $word
        (local.set $sum (i64.add (local.get $sum) (i64.load offset=0x10000 (local.get $i))))
        (i64.store offset=0x30000 (local.get $i) (local.get $sum))
        (br_if $word (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 0x8000))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $keep (local.get $sum)))
