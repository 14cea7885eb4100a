;; A command of WASI 0.1 that sleeps for as many seconds as its last argument says.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  ;; At 0 the number of arguments, at 16 a subscription, at 64 an event, at 1024 where
  ;; the arguments are, at 4096 their text.
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32) (local $digit i32) (local $seconds i64)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $args_get (i32.const 1024) (i32.const 4096)))
    (local.set $at (i32.load (i32.add (i32.const 1020) (i32.mul (i32.const 4) (i32.load (i32.const 0))))))
    (block $end
      (loop $next
        (local.set $digit (i32.load8_u (local.get $at)))
        (br_if $end (i32.eqz (local.get $digit)))
        (local.set $seconds (i64.add
          (i64.mul (local.get $seconds) (i64.const 10))
          (i64.extend_i32_u (i32.sub (local.get $digit) (i32.const 48)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    ;; The monotonic clock, and nanoseconds from now.
    (i32.store (i32.const 32) (i32.const 1))
    (i64.store (i32.const 40) (i64.mul (local.get $seconds) (i64.const 1000000000)))
    (drop (call $poll_oneoff (i32.const 16) (i32.const 64) (i32.const 1) (i32.const 96)))))
