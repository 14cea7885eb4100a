;; The core module of an HTTP component, by hand: it answers every request with
;; a greeting and the path that was asked for. The path /trap traps, so that one
;; can see that the server lives on.
;;
;; http.wit says which interfaces it uses; `wasm-tools component embed` and
;; `wasm-tools component new` make the component of the two.
(module
  (import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request" (func $drop-request (param i32)))
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $stream (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-stream (param i32)))

  ;; 0: results of calls; texts from 128; what the host allocates from 1024
  (memory (export "memory") 1)
  (data (i32.const 128) "Hello from WebAssembly, you asked for ")
  (data (i32.const 192) "\n")
  (data (i32.const 200) "/trap")
  (data (i32.const 208) "content-type")
  (data (i32.const 224) "text/plain; charset=utf-8")
  (global $next (mut i32) (i32.const 1024))

  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $address i32)
    (local.set $address
      (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.xor (i32.sub (local.get $align) (i32.const 1)) (i32.const -1))))
    (global.set $next (i32.add (local.get $address) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.const 65536)) (then unreachable))
    (local.get $address))

  ;; Whether the text at $address is "/trap".
  (func $is-trap (param $address i32) (param $length i32) (result i32)
    (i32.and
      (i32.eq (local.get $length) (i32.const 5))
      (i32.and
        (i32.eq (i32.load (local.get $address)) (i32.load (i32.const 200)))
        (i32.eq (i32.load8_u offset=4 (local.get $address)) (i32.load8_u (i32.const 204))))))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $path i32) (local $length i32) (local $headers i32) (local $reply i32) (local $content i32) (local $writer i32)
    (global.set $next (i32.const 1024)) ;; a reused instance begins anew
    (call $path (local.get $request) (i32.const 0))
    (local.set $path (i32.load offset=4 (i32.const 0)))
    (local.set $length (i32.load offset=8 (i32.const 0)))
    (call $drop-request (local.get $request))
    (if (call $is-trap (local.get $path) (local.get $length)) (then unreachable))

    (local.set $headers (call $fields))
    (call $append (local.get $headers) (i32.const 208) (i32.const 12) (i32.const 224) (i32.const 25) (i32.const 0))
    (local.set $reply (call $response (local.get $headers)))
    (call $body (local.get $reply) (i32.const 0))
    (local.set $content (i32.load offset=4 (i32.const 0)))
    (call $stream (local.get $content) (i32.const 0))
    (local.set $writer (i32.load offset=4 (i32.const 0)))
    ;; The response begins: ok(reply). The rest of the numbers belongs to the
    ;; error that it is not.
    (call $set (local.get $out) (i32.const 0) (local.get $reply)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $writer) (i32.const 128) (i32.const 38) (i32.const 0))
    (call $write (local.get $writer) (local.get $path) (local.get $length) (i32.const 0))
    (call $write (local.get $writer) (i32.const 192) (i32.const 1) (i32.const 0))
    (call $drop-stream (local.get $writer))
    (call $finish (local.get $content) (i32.const 0) (i32.const 0) (i32.const 0))))
