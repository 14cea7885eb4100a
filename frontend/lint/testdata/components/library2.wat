;; A library: it exports an interface and no start.
(component
  (core module $Main (func (export "answer") (result i32) (i32.const 42)))
  (core instance $main (instantiate $Main))
  (func $answer (result u32) (canon lift (core func $main "answer")))
  (component $Answer
    (import "answer" (func $answer (result u32)))
    (export "answer" (func $answer)))
  (instance $math (instantiate $Answer (with "answer" (func $answer))))
  (export "demo:math/answer@2.0.0" (instance $math)))
