;; Counts how often each numbered message arrives.
;;
;; An external message "soak" followed by a number of 4 bytes, big-endian, adds 1 to the byte at offset number % 1024 of
;; the value /seen/NNN, where NNN is number / 1024 in decimal digits.
(module
  (import "smart_rollup_core" "read_input" (func $read_input (param i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_read" (func $store_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_write" (func $store_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "/seen/000")
  ;; 16: level and index of a message; 32: the count; 1024: 1024 zeros; 4096: a message
  (func $digit (param $at i32) (param $value i32)
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10)))))
  (func $note (param $number i32)
    (local $block i32)
    (local $offset i32)
    (local.set $block (i32.shr_u (local.get $number) (i32.const 10)))
    (local.set $offset (i32.and (local.get $number) (i32.const 1023)))
    (call $digit (i32.const 6) (i32.div_u (local.get $block) (i32.const 100)))
    (call $digit (i32.const 7) (i32.div_u (local.get $block) (i32.const 10)))
    (call $digit (i32.const 8) (local.get $block))
    (i32.store8 (i32.const 32) (i32.const 0))
    (if (i32.ne (i32.const 1)
          (call $store_read (i32.const 0) (i32.const 9) (local.get $offset) (i32.const 32) (i32.const 1)))
      (then (drop
        (call $store_write (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 1024) (i32.const 1024)))))
    (i32.store8 (i32.const 32) (i32.add (i32.const 1) (i32.load8_u (i32.const 32))))
    (drop (call $store_write (i32.const 0) (i32.const 9) (local.get $offset) (i32.const 32) (i32.const 1))))
  (func (export "kernel_run")
    (local $length i32)
    (local $number i32)
    (loop $next
      (local.set $length (call $read_input (i32.const 16) (i32.const 4096) (i32.const 4096)))
      (if (i32.gt_s (local.get $length) (i32.const 0))
        (then
          (if (i32.eq (local.get $length) (i32.const 9))
            (then (if (i32.eq (i32.load8_u (i32.const 4096)) (i32.const 1))
              (then (if (i32.eq (i32.load (i32.const 4097)) (i32.const 0x6b616f73))
                (then
                  (local.set $number
                    (i32.or
                      (i32.or
                        (i32.shl (i32.load8_u (i32.const 4101)) (i32.const 24))
                        (i32.shl (i32.load8_u (i32.const 4102)) (i32.const 16)))
                      (i32.or
                        (i32.shl (i32.load8_u (i32.const 4103)) (i32.const 8))
                        (i32.load8_u (i32.const 4104)))))
                  (call $note (local.get $number))))))))
          (br $next))))))
