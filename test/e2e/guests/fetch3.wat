;; The core module of a command of WASI 0.3 that requests http:// and its first
;; argument, and succeeds when it is answered.
(module
  (import "wasi:cli/environment@0.3.0" "get-arguments" (func $arguments (param i32)))
  (import "wasi:http/types@0.3.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.3.0" "[static]request.new" (func $request (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.3.0" "[future-new-1][static]request.new" (func $trailers (result i64)))
  (import "wasi:http/types@0.3.0" "[async-lower][future-write-1][static]request.new" (func $write (param i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[method]request.set-scheme" (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[method]request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[method]request.set-path-with-query" (func $path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/client@0.3.0" "send" (func $send (param i32 i32)))

  ;; 0: results of calls; 256: ok(none), the trailers; what the host allocates
  ;; from 1024
  (memory (export "memory") 1)
  (data (i32.const 128) "/")
  (global $next (mut i32) (i32.const 1024))

  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $address i32)
    (local.set $address (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $address) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.const 65536)) (then unreachable))
    (local.get $address))

  (func (export "wasi:cli/run@0.3.0#run") (result i32)
    (local $list i32) (local $future i64) (local $out i32)
    (call $arguments (i32.const 0))
    (local.set $list (i32.load (i32.const 0)))
    (local.set $future (call $trailers))
    (call $request (call $fields) (i32.const 0) (i32.const 0) (i32.wrap_i64 (local.get $future)) (i32.const 0) (i32.const 0) (i32.const 0))
    (local.set $out (i32.load (i32.const 0)))
    (drop (call $scheme (local.get $out) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $authority (local.get $out) (i32.const 1) (i32.load offset=8 (local.get $list)) (i32.load offset=12 (local.get $list))))
    (drop (call $path (local.get $out) (i32.const 1) (i32.const 128) (i32.const 1)))
    ;; It ends when the host reads it, while it sends the request.
    (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $future) (i64.const 32))) (i32.const 256)))
    (call $send (local.get $out) (i32.const 0))
    (i32.load8_u (i32.const 0))))
