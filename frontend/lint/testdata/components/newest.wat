;; A command of WASI 0.3 that ends with success.
(component
  (core module $Main (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (type $run-type (func async (result (result))))
  (func $run (type $run-type) (canon lift (core func $main "run")))
  (component $Run
    (import "run" (func $run async (result (result))))
    (export "run" (func $run)))
  (instance $cli (instantiate $Run (with "run" (func $run))))
  (export "wasi:cli/run@0.3.0" (instance $cli)))
