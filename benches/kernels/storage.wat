  ;; The durable storage: 512 bytes written at one of 256 keys, read at another.
  (data (i32.const 0x2000) "/bench/00")
  (func $hexadecimal (param $digit i32) (result i32)
    (i32.add
      (local.get $digit)
      (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
  (func $key (param $number i32)
    (i32.store8 (i32.const 0x2007)
      (call $hexadecimal (i32.and (i32.shr_u (local.get $number) (i32.const 4)) (i32.const 15))))
    (i32.store8 (i32.const 0x2008) (call $hexadecimal (i32.and (local.get $number) (i32.const 15)))))
  (func (export "kernel_run") (local $n i32) (local $sum i64)
    (local.set $n (call $rounds))
    (loop $again
      (call $key (i32.mul (local.get $n) (i32.const 7)))
      (i64.store (i32.const 0x3000) (i64.add (local.get $sum) (i64.extend_i32_u (local.get $n))))
      (drop (call $store_write
        (i32.const 0x2000) (i32.const 9) (i32.const 0) (i32.const 0x3000) (i32.const 512)))
      (call $key (i32.mul (local.get $n) (i32.const 13)))
      (drop (call $store_read
        (i32.const 0x2000) (i32.const 9) (i32.const 0) (i32.const 0x3200) (i32.const 512)))
      (local.set $sum (i64.rotl (i64.add (local.get $sum) (i64.load (i32.const 0x3200))) (i64.const 5)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $keep (local.get $sum)))
