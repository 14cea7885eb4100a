(component
  (import "wasi:http/types@0.2" (versionsuffix ".6") (instance))
  (import "x" (implements "wasi:keyvalue/store@0.3.0") (instance))
  (import "y" (instance))
  (import "z" (external-id "foo bar") (instance))
)
