;; A core module that needs the proposal "custom page sizes" to be compiled.
(module
  (memory (export "memory") 1 (pagesize 1))
  (func (export "_start")))
