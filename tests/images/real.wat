;; A small module with everything that an image's tables can hold.
(module $real
  (type $binary (func (param i32 i32) (result i32)))
  (import "host" "log" (func $log (param i32 i64 f64) (result i32)))
  (import "host" "pair" (func $pair (param f32) (result i32 i64 f64)))
  (import "host" "base" (global $base i32))
  (import "host" "counter" (global $counter (mut i64)))
  (import "host" "callbacks" (table $callbacks 2 20 funcref))

  (table $operations (export "operations") 8 funcref)
  (table $things (export "things") 3 externref)
  (memory (export "memory") 2 5)

  (global $calls (export "calls") (mut i32) (i32.const 0))
  (global $ratio f64 (f64.const 0.1))
  (global $first (export "first") funcref (ref.func $add))
  (global $nothing externref (ref.null extern))

  (elem (table $operations) (i32.const 1) func $add $subtract $divide)
  (elem (table $callbacks) (global.get $base) func $add)
  (elem $later funcref (ref.func $subtract) (ref.null func) (ref.func $add))
  (elem declare func $divide)

  (data (i32.const 16) "some bytes at the start of the memory")
  (data (i32.const 70000) "\01\02\03\04, and some on its second page")
  (data (global.get $base) "at a place that the host chooses")
  (data $passive "bytes for memory.init")

  (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $subtract (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func $divide (type $binary) (i32.div_s (local.get 0) (local.get 1)))

  (func $start
    (global.set $calls (i32.const 1))
    (memory.init $passive (i32.const 128) (i32.const 0) (i32.const 21))
    (data.drop $passive)
    (table.init $operations $later (i32.const 4) (i32.const 0) (i32.const 3))
    (elem.drop $later))
  (start $start)

  (func (export "apply") (param $operation i32) (param i32 i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (call_indirect $operations (type $binary) (local.get 1) (local.get 2) (local.get $operation)))

  (func $fibonacci (export "fibonacci") (param i32) (result i64)
    (if (result i64) (i32.lt_u (local.get 0) (i32.const 2))
      (then (i64.extend_i32_u (local.get 0)))
      (else (i64.add
        (call $fibonacci (i32.sub (local.get 0) (i32.const 1)))
        (call $fibonacci (i32.sub (local.get 0) (i32.const 2)))))))

  (func (export "sum") (param $from i32) (param $len i32) (result i32) (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $len)))
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u offset=3 (local.get $from))))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br $next)))
    (local.get $sum))

  (func (export "choose") (param i32) (result f64)
    (block $c (block $b (block $a
      (br_table $a $b $c $a $c $b (local.get 0)))
      (return (f64.const 1.5)))
      (return (global.get $ratio)))
    (f64.nearest (f64.convert_i32_s (local.get 0))))

  (func (export "report") (param f32) (result i32 i64 f64) (local i32 i64 f64)
    (call $pair (local.get 0))
    (local.set 3) (local.set 2) (local.set 1)
    (global.set $counter (i64.add (global.get $counter) (i64.const 1)))
    (drop (call $log (local.get 1) (local.get 2) (local.get 3)))
    (local.get 1) (local.get 2) (local.get 3))

  (func (export "keep") (param i32 externref) (result i32)
    (table.set $things (local.get 0) (local.get 1))
    (memory.grow (i32.const 1))))
