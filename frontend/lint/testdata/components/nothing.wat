;; A component that exports nothing.
(component
  (core module $Main (func (export "run")))
  (core instance (instantiate $Main)))
