;; The core module of a command of WASI 0.3 that does what its first argument
;; says, on 127.0.0.1 and the port that is its second, and succeeds when that
;; worked:
;;
;;   tcp     connects
;;   listen  listens, for connections and for the datagram that ends it
;;   udp     sends "ping" and receives something
;;   name    looks up "localhost"
;;
;; Its calls of asynchronous functions wait for the result.
(module
  (type $address (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:cli/environment@0.3.0" "get-arguments" (func $arguments (param i32)))
  (import "wasi:sockets/types@0.3.0" "[static]tcp-socket.create" (func $tcp (param i32 i32)))
  (import "wasi:sockets/types@0.3.0" "[method]tcp-socket.bind" (func $bind-tcp (type $address)))
  (import "wasi:sockets/types@0.3.0" "[method]tcp-socket.connect" (func $connect-tcp (type $address)))
  (import "wasi:sockets/types@0.3.0" "[method]tcp-socket.listen" (func $listen-tcp (param i32 i32)))
  (import "wasi:sockets/types@0.3.0" "[static]udp-socket.create" (func $udp (param i32 i32)))
  (import "wasi:sockets/types@0.3.0" "[method]udp-socket.bind" (func $bind-udp (type $address)))
  (import "wasi:sockets/types@0.3.0" "[method]udp-socket.connect" (func $connect-udp (type $address)))
  (import "wasi:sockets/types@0.3.0" "[method]udp-socket.send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:sockets/types@0.3.0" "[method]udp-socket.receive" (func $receive (param i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.3.0" "resolve-addresses" (func $resolve (param i32 i32 i32)))

  ;; 0: results of calls; what the host allocates from 1024
  (memory (export "memory") 1)
  (data (i32.const 128) "ping")
  (data (i32.const 144) "localhost")
  (global $next (mut i32) (i32.const 1024))
  (global $socket (mut i32) (i32.const 0))

  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $address i32)
    (local.set $address
      (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.xor (i32.sub (local.get $align) (i32.const 1)) (i32.const -1))))
    (global.set $next (i32.add (local.get $address) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.const 65536)) (then unreachable))
    (local.get $address))

  ;; Ends the program with failure when the last call did.
  (func $ok (if (i32.load8_u (i32.const 0)) (then unreachable)))

  (func $number (param $address i32) (param $length i32) (result i32)
    (local $n i32)
    (loop $digits
      (if (local.get $length)
        (then
          (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (i32.sub (i32.load8_u (local.get $address)) (i32.const 0x30))))
          (local.set $address (i32.add (local.get $address) (i32.const 1)))
          (local.set $length (i32.sub (local.get $length) (i32.const 1)))
          (br $digits))))
    (local.get $n))

  (func $open-tcp
    (call $tcp (i32.const 0) (i32.const 0))
    (call $ok)
    (global.set $socket (i32.load (i32.const 4))))

  (func $connect (param $port i32)
    (call $open-tcp)
    (call $connect-tcp (global.get $socket) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok))

  (func $open-udp (param $port i32)
    (call $udp (i32.const 0) (i32.const 0))
    (call $ok)
    (global.set $socket (i32.load (i32.const 4)))
    (call $bind-udp (global.get $socket) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok))

  (func $receive-one
    (call $receive (global.get $socket) (i32.const 0))
    (call $ok))

  (func $listen (param $port i32)
    (call $open-tcp)
    (call $bind-tcp (global.get $socket) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok)
    (call $listen-tcp (global.get $socket) (i32.const 0))
    (call $ok)
    (call $open-udp (local.get $port))
    (call $receive-one))

  (func $send-one (param $port i32)
    (call $open-udp (i32.const 0))
    (call $connect-udp (global.get $socket) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok)
    (call $send (global.get $socket) (i32.const 128) (i32.const 4) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok)
    (call $receive-one))

  (func $look-up
    (call $resolve (i32.const 144) (i32.const 9) (i32.const 0))
    (call $ok))

  (func (export "wasi:cli/run@0.3.0#run") (result i32)
    (local $list i32) (local $verb i32) (local $port i32)
    (call $arguments (i32.const 0))
    (local.set $list (i32.load (i32.const 0)))
    (local.set $verb (i32.load8_u (i32.load offset=8 (local.get $list))))
    (local.set $port (call $number (i32.load offset=16 (local.get $list)) (i32.load offset=20 (local.get $list))))
    (if (i32.eq (local.get $verb) (i32.const 0x74)) (then (call $connect (local.get $port)) (return (i32.const 0))))
    (if (i32.eq (local.get $verb) (i32.const 0x6c)) (then (call $listen (local.get $port)) (return (i32.const 0))))
    (if (i32.eq (local.get $verb) (i32.const 0x75)) (then (call $send-one (local.get $port)) (return (i32.const 0))))
    (if (i32.eq (local.get $verb) (i32.const 0x6e)) (then (call $look-up) (return (i32.const 0))))
    (i32.const 1)))
