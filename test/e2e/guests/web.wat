;; The core module of an HTTP component of WASI 0.2 that does what the first
;; letter of the path says:
;;
;;   /trap      traps
;;   /loop      never ends
;;   /slow      takes a second, waiting
;;   /grow      asks for 100 MiB of memory: "memory", or "no memory"
;;   /out?ADDR  requests http://ADDR/: "reached", or "refused"
;;
;; and else answers with the number of requests that the instance has had, from
;; "1" to "9".
(module
  (import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request" (func $drop-request (param i32)))
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $stream (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme" (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query" (func $target (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-stream (param i32)))

  ;; 0: results of calls; texts from 128; what the host allocates from 1024
  (memory (export "memory") 1)
  (data (i32.const 128) "no memory")
  (data (i32.const 144) "reached")
  (data (i32.const 160) "refused")
  (data (i32.const 176) "waited")
  (data (i32.const 184) "/")
  (global $next (mut i32) (i32.const 1024))
  (global $served (mut i32) (i32.const 0))

  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $address i32)
    (local.set $address
      (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.xor (i32.sub (local.get $align) (i32.const 1)) (i32.const -1))))
    (global.set $next (i32.add (local.get $address) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.const 65536)) (then unreachable))
    (local.get $address))

  (func $wait (param $pollable i32)
    (call $block (local.get $pollable))
    (call $drop-pollable (local.get $pollable)))

  ;; Whether a request to the authority is answered.
  (func $reaches (param $address i32) (param $length i32) (result i32)
    (local $out i32) (local $future i32)
    (local.set $out (call $request (call $fields)))
    (drop (call $scheme (local.get $out) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $authority (local.get $out) (i32.const 1) (local.get $address) (local.get $length)))
    (drop (call $target (local.get $out) (i32.const 1) (i32.const 184) (i32.const 1)))
    (call $send (local.get $out) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (return (i32.const 0))))
    (local.set $future (i32.load (i32.const 8)))
    (call $wait (call $subscribe (local.get $future)))
    ;; some(ok(ok(response))), or an error in its place
    (call $get (local.get $future) (i32.const 0))
    (i32.and
      (i32.eq (i32.load8_u (i32.const 0)) (i32.const 1))
      (i32.eqz (i32.or (i32.load8_u (i32.const 8)) (i32.load8_u (i32.const 16))))))

  ;; The text to answer with: its address, and its length.
  (func $answer (param $path i32) (param $length i32) (result i32 i32)
    (local $letter i32)
    (local.set $letter (i32.load8_u offset=1 (local.get $path)))
    (if (i32.lt_u (local.get $length) (i32.const 2)) (then (local.set $letter (i32.const 0))))
    (if (i32.eq (local.get $letter) (i32.const 0x74)) (then unreachable))
    (if (i32.eq (local.get $letter) (i32.const 0x6c)) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $letter) (i32.const 0x73))
      (then
        (call $wait (call $after (i64.const 1000000000)))
        (return (i32.const 176) (i32.const 6))))
    (if (i32.eq (local.get $letter) (i32.const 0x67))
      (then
        (if (i32.eq (memory.grow (i32.const 1600)) (i32.const -1)) (then (return (i32.const 128) (i32.const 9))))
        (return (i32.const 131) (i32.const 6))))
    (if (i32.eq (local.get $letter) (i32.const 0x6f))
      (then
        (if (call $reaches (i32.add (local.get $path) (i32.const 5)) (i32.sub (local.get $length) (i32.const 5)))
          (then (return (i32.const 144) (i32.const 7))))
        (return (i32.const 160) (i32.const 7))))
    (i32.store8 (i32.const 192) (i32.add (global.get $served) (i32.const 0x30)))
    (i32.const 192) (i32.const 1))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $incoming i32) (param $out i32)
    (local $reply i32) (local $content i32) (local $writer i32) (local $text i32) (local $length i32)
    (global.set $next (i32.const 1024))
    (global.set $served (i32.add (global.get $served) (i32.const 1)))
    (call $path (local.get $incoming) (i32.const 0))
    (call $drop-request (local.get $incoming))
    (call $answer (i32.load offset=4 (i32.const 0)) (i32.load offset=8 (i32.const 0)))
    (local.set $length)
    (local.set $text)
    (local.set $reply (call $response (call $fields)))
    (call $body (local.get $reply) (i32.const 0))
    (local.set $content (i32.load offset=4 (i32.const 0)))
    (call $stream (local.get $content) (i32.const 0))
    (local.set $writer (i32.load offset=4 (i32.const 0)))
    (call $set (local.get $out) (i32.const 0) (local.get $reply)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $writer) (local.get $text) (local.get $length) (i32.const 0))
    (call $drop-stream (local.get $writer))
    (call $finish (local.get $content) (i32.const 0) (i32.const 0) (i32.const 0))))
