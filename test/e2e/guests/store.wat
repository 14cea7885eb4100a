;; The core module of a command that succeeds when wasi:keyvalue has the value
;; "blue" for "colour".
(module
  (import "wasi:keyvalue/store@0.2.0-draft" "open" (func $open (param i32 i32 i32)))
  (import "wasi:keyvalue/store@0.2.0-draft" "[method]bucket.get" (func $get (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "colour")
  (data (i32.const 80) "blue")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "wasi:cli/run@0.2.0#run") (result i32)
    (call $open (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (return (i32.const 1))))
    ;; ok(some(bytes)): its tags, and its address and length
    (call $get (i32.load (i32.const 4)) (i32.const 64) (i32.const 6) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (return (i32.const 1))))
    (if (i32.eqz (i32.load8_u (i32.const 4))) (then (return (i32.const 1))))
    (if (i32.ne (i32.load (i32.const 12)) (i32.const 4)) (then (return (i32.const 1))))
    (i32.ne (i32.load (i32.load (i32.const 8))) (i32.load (i32.const 80)))))
