;; A command of WASI 0.1 that never ends by itself.
(module
  (memory (export "memory") 1)
  (func $spin (export "_start")
    (loop $again
      (br $again))))
