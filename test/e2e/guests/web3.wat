;; The core module of an HTTP component of WASI 0.3: it answers with status 200
;; and no content, traps for paths that begin with /trap, and for /out?ADDR
;; requests http://ADDR/ before it answers, and traps when nobody does.
(module
  (import "wasi:http/types@0.3.0" "[method]request.get-path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.3.0" "[resource-drop]request" (func $drop-request (param i32)))
  (import "wasi:http/types@0.3.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.3.0" "[static]response.new" (func $response (param i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.3.0" "[future-new-1][static]response.new" (func $trailers (result i64)))
  (import "wasi:http/types@0.3.0" "[async-lower][future-write-1][static]response.new" (func $write (param i32 i32) (result i32)))

  (import "wasi:http/types@0.3.0" "[static]request.new" (func $request (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.3.0" "[future-new-1][static]request.new" (func $request-trailers (result i64)))
  (import "wasi:http/types@0.3.0" "[async-lower][future-write-1][static]request.new" (func $request-write (param i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[method]request.set-scheme" (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[method]request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[method]request.set-path-with-query" (func $target (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/client@0.3.0" "send" (func $send (param i32 i32)))

  ;; 0: results of calls; 256: ok(none), the trailers; 512: the answer; what the
  ;; host allocates from 1024
  (memory (export "memory") 1)
  (data (i32.const 128) "/")
  (global $next (mut i32) (i32.const 1024))

  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $address i32)
    (local.set $address (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $address) (local.get $size)))
    (local.get $address))

  ;; Traps unless a request to the authority is answered.
  (func $reach (param $address i32) (param $length i32)
    (local $future i64) (local $out i32)
    (local.set $future (call $request-trailers))
    (call $request (call $fields) (i32.const 0) (i32.const 0) (i32.wrap_i64 (local.get $future)) (i32.const 0) (i32.const 0) (i32.const 0))
    (local.set $out (i32.load (i32.const 0)))
    (drop (call $scheme (local.get $out) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $authority (local.get $out) (i32.const 1) (local.get $address) (local.get $length)))
    (drop (call $target (local.get $out) (i32.const 1) (i32.const 128) (i32.const 1)))
    (drop (call $request-write (i32.wrap_i64 (i64.shr_u (local.get $future) (i64.const 32))) (i32.const 256)))
    (call $send (local.get $out) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable)))

  (func (export "wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
    (local $future i64)
    (global.set $next (i32.const 1024))
    (call $path (local.get $request) (i32.const 0))
    (call $drop-request (local.get $request))
    (if (i32.ge_u (i32.load offset=8 (i32.const 0)) (i32.const 5))
      (then
        (if (i32.eq (i32.load (i32.load offset=4 (i32.const 0))) (i32.const 0x6172742f)) (then unreachable))
        (if (i32.eq (i32.load (i32.load offset=4 (i32.const 0))) (i32.const 0x74756f2f))
          (then (call $reach
            (i32.add (i32.load offset=4 (i32.const 0)) (i32.const 5))
            (i32.sub (i32.load offset=8 (i32.const 0)) (i32.const 5)))))))
    (local.set $future (call $trailers))
    (call $response (call $fields) (i32.const 0) (i32.const 0) (i32.wrap_i64 (local.get $future)) (i32.const 0))
    ;; It ends when the host reads it, after this call has returned.
    (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $future) (i64.const 32))) (i32.const 256)))
    (i32.store8 (i32.const 512) (i32.const 0))
    (i32.store (i32.const 520) (i32.load (i32.const 0)))
    (i32.const 512)))
