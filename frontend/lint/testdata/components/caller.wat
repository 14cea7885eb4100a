;; A command of WASI 0.2 that imports an interface of a library.
(component
  (import "demo:math/answer@1.2.0" (instance (export "answer" (func (result u32)))))
  (core module $Main (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (component $Run
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $cli (instantiate $Run (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
