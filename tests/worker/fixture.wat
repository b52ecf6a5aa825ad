;; An operations module (spec/abi.md) in scalar code, for tests. `boom` traps at a byte that
;; equals its immediate, which no compiled operation does.
(module
  (memory (export "memory") 2 64)
  (global $top (mut i32) (i32.const 1024))
  (func (export "malloc") (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 15)) (i32.const -16)))
    (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16)))
      (then (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))) (i32.const -1))
        (then (return (i32.const 0))))))
    (local.get $at))
  (func (export "free") (param i32))

  (func (export "pcpu_xor") (param $ptr i32) (param $len i32) (param $imm i32) (local $end i32)
    (local.set $end (i32.add (local.get $ptr) (local.get $len)))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $ptr) (local.get $end)))
      (i32.store8 (local.get $ptr) (i32.xor (i32.load8_u (local.get $ptr)) (local.get $imm)))
      (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
      (br $next))))

  (func (export "pcpu_boom") (param $ptr i32) (param $len i32) (param $imm i32) (local $end i32)
    (local.set $end (i32.add (local.get $ptr) (local.get $len)))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $ptr) (local.get $end)))
      (if (i32.eq (i32.load8_u (local.get $ptr)) (local.get $imm)) (then (unreachable)))
      (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
      (br $next))))

  (func (export "pcpu_crc32c_init") (result i32) (i32.const -1))
  (func (export "pcpu_crc32c_update") (param $state i32) (param $ptr i32) (param $len i32) (result i32)
    (local $end i32) (local $bit i32)
    (local.set $end (i32.add (local.get $ptr) (local.get $len)))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $ptr) (local.get $end)))
      (local.set $state (i32.xor (local.get $state) (i32.load8_u (local.get $ptr))))
      (local.set $bit (i32.const 8))
      (loop $bits
        (local.set $state (i32.xor (i32.shr_u (local.get $state) (i32.const 1))
          (i32.and (i32.const 0x82f63b78) (i32.sub (i32.const 0) (i32.and (local.get $state) (i32.const 1))))))
        (br_if $bits (local.tee $bit (i32.sub (local.get $bit) (i32.const 1)))))
      (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
      (br $next)))
    (local.get $state))
  (func (export "pcpu_crc32c_finish") (param $state i32) (result i32) (i32.xor (local.get $state) (i32.const -1))))
