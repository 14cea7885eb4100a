;; A command of WASI 0.2 that imports an interface with nothing but types in it,
;; as tools make one whose own interface takes types from another.
(component
  (import "demo:math/types@1.2.0" (instance
    (type $point (record (field "x" u32) (field "y" u32)))
    (export "point" (type (eq $point)))))
  (core module $Main (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (component $Run
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $cli (instantiate $Run (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
