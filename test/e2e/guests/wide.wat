;; A core module that needs the proposal "wide arithmetic" to be compiled.
(module
  (memory (export "memory") 1)
  (func (export "add") (param i64 i64) (result i64)
    (i64.add128 (local.get 0) (i64.const 0) (local.get 1) (i64.const 0))
    drop)
  (func (export "_start")))
