;; The core module of an HTTP component of WASI 0.3: it answers with status 200
;; and no content, and traps for paths that begin with /trap.
(module
  (import "wasi:http/types@0.3.0" "[method]request.get-path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.3.0" "[resource-drop]request" (func $drop-request (param i32)))
  (import "wasi:http/types@0.3.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.3.0" "[static]response.new" (func $response (param i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.3.0" "[future-new-1][static]response.new" (func $trailers (result i64)))
  (import "wasi:http/types@0.3.0" "[async-lower][future-write-1][static]response.new" (func $write (param i32 i32) (result i32)))

  ;; 0: results of calls; 256: ok(none), the trailers; 512: the answer; what the
  ;; host allocates from 1024
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))

  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $address i32)
    (local.set $address (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $address) (local.get $size)))
    (local.get $address))

  (func (export "wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
    (local $future i64)
    (global.set $next (i32.const 1024))
    (call $path (local.get $request) (i32.const 0))
    (call $drop-request (local.get $request))
    (if (i32.ge_u (i32.load offset=8 (i32.const 0)) (i32.const 5))
      (then (if (i32.eq (i32.load (i32.load offset=4 (i32.const 0))) (i32.const 0x6172742f)) (then unreachable))))
    (local.set $future (call $trailers))
    (call $response (call $fields) (i32.const 0) (i32.const 0) (i32.wrap_i64 (local.get $future)) (i32.const 0))
    ;; It ends when the host reads it, after this call has returned.
    (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $future) (i64.const 32))) (i32.const 256)))
    (i32.store8 (i32.const 512) (i32.const 0))
    (i32.store (i32.const 520) (i32.load (i32.const 0)))
    (i32.const 512)))
