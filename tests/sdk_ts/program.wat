;; A program module over streams (spec/abi.md A8) by hand, with parameters: each byte is XORed with the number `key` and
;; with the bytes `pad`, one after the other; `count` counts the bytes, `total` is a hexadecimal sum of them.
;; State: 0 count, 8 total, 16 key, 24 length of pad, 32 its bytes (16 of them).
;; A byte 0xee that is not changed yet traps.
(module
  (memory (export "memory") 2 64)
  (global $top (mut i32) (i32.const 1024))
  (func $malloc (export "malloc") (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $top))
    (if (i32.gt_u (local.get $size) (i32.const 0x400000)) (then (return (i32.const 0))))
    (global.set $top (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 15)) (i32.const -16)))
    (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16)))
      (then (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))) (i32.const -1))
        (then (return (i32.const 0))))))
    (local.get $at))
  (func (export "free") (param i32))
  (func $init (export "pcpu_init") (param $state i32)
    (i64.store (local.get $state) (i64.const 0))
    (i64.store offset=8 (local.get $state) (i64.const 0)))
  (func $update (export "pcpu_update") (param $state i32) (param $ptr i32) (param $len i32)
    (local $i i32) (local $byte i32) (local $pad i32)
    (local.set $pad (i32.load offset=24 (local.get $state)))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $i) (local.get $len)))
      (local.set $byte (i32.load8_u (i32.add (local.get $ptr) (local.get $i))))
      (if (i32.eq (local.get $byte) (i32.const 0xee)) (then (unreachable)))
      (local.set $byte (i32.xor (local.get $byte) (i32.load8_u offset=16 (local.get $state))))
      (if (local.get $pad) (then
        (local.set $byte (i32.xor (local.get $byte) (i32.load8_u offset=32 (i32.add (local.get $state)
          (i32.rem_u (i32.load (local.get $state)) (local.get $pad))))))))
      (i32.store8 (i32.add (local.get $ptr) (local.get $i)) (local.get $byte))
      (i64.store (local.get $state) (i64.add (i64.load (local.get $state)) (i64.const 1)))
      (i64.store offset=8 (local.get $state)
        (i64.add (i64.load offset=8 (local.get $state)) (i64.extend_i32_u (local.get $byte))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next))))
  (func $finish (export "pcpu_finish") (param $state i32) (param $out i32)
    (i64.store (local.get $out) (i64.load (local.get $state)))
    (i64.store offset=8 (local.get $out) (i64.load offset=8 (local.get $state))))
  (func (export "pcpu_run") (param $ptr i32) (param $len i32) (param $out i32)
    (memory.fill (i32.const 512) (i32.const 0) (i32.const 48))
    (i32.store8 (i32.const 528) (i32.const 0x5a)) ;; the default of key
    (call $update (i32.const 512) (local.get $ptr) (local.get $len))
    (call $finish (i32.const 512) (local.get $out))))
