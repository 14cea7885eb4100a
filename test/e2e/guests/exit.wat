;; A command of WASI 0.2 that ends with exit code 7.
(component
  (import "wasi:cli/exit@0.2.6" (instance $exit
    (export "exit-with-code" (func (param "status-code" u8)))))
  (core func $exit-with-code (canon lower (func $exit "exit-with-code")))
  (core module $Main
    (import "host" "exit-with-code" (func $exit-with-code (param i32)))
    (func (export "run") (result i32)
      (call $exit-with-code (i32.const 7))
      unreachable))
  (core instance $main (instantiate $Main (with "host" (instance
    (export "exit-with-code" (func $exit-with-code))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (component $Run
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $cli (instantiate $Run (with "run" (func $run))))
  (export "wasi:cli/run@0.2.6" (instance $cli)))
