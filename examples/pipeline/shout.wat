;; The core module of a command that says HELLO! once. shout.wit is its world.
(module
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $get-stdout (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "HELLO!\n")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "wasi:cli/run@0.2.0#run") (result i32)
    (local $stdout i32)
    (local.set $stdout (call $get-stdout))
    (call $write (local.get $stdout) (i32.const 16) (i32.const 7) (i32.const 0))
    (call $drop (local.get $stdout))
    (i32.load8_u (i32.const 0)))) ;; the write's result, 0 for ok, is ours
