  ;; Small functions: the Fibonacci numbers by recursion, and a call through a table for each round.
  (type $step (func (param i64) (result i64)))
  (table funcref (elem $double $flip $turn $next))
  (func $double (type $step) (i64.shl (local.get 0) (i64.const 1)))
  (func $flip (type $step) (i64.xor (local.get 0) (i64.const -1)))
  (func $turn (type $step) (i64.rotl (local.get 0) (i64.const 7)))
  (func $next (type $step) (i64.add (local.get 0) (i64.const 1)))
  (func $fibonacci (param $n i32) (result i64)
    (if (i32.lt_u (local.get $n) (i32.const 2)) (then (return (i64.extend_i32_u (local.get $n)))))
    (i64.add
      (call $fibonacci (i32.sub (local.get $n) (i32.const 1)))
      (call $fibonacci (i32.sub (local.get $n) (i32.const 2)))))
  (func (export "kernel_run") (local $n i32) (local $sum i64)
    (local.set $n (call $rounds))
    (loop $again
      (local.set $sum (i64.add (local.get $sum) (call $fibonacci (i32.const 12))))
      (local.set $sum
        (call_indirect (type $step) (local.get $sum) (i32.and (local.get $n) (i32.const 3))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $keep (local.get $sum)))
