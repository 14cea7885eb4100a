;; A command of WASI 0.1, to which the test that makes the binary adds a section
;; .debug_info of one byte over 1 MiB.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 0))))
