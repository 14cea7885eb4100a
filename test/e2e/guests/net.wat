;; The core module of a command of WASI 0.2 that does what its first argument
;; says, on 127.0.0.1 and the port that is its second, and succeeds when that
;; worked:
;;
;;   tcp     connects, sends "ping" and reads something
;;   listen  accepts a connection and sends "ping" to it
;;   udp     sends "ping" and receives something
;;   wait    receives a datagram
;;   name    looks up "localhost"
(module
  (type $address (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-bind" (func $start-bind (type $address)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.finish-bind" (func $finish-bind (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-connect" (func $start-connect (type $address)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.finish-connect" (func $finish-connect (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-listen" (func $start-listen (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.finish-listen" (func $finish-listen (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.accept" (func $accept (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.subscribe" (func $tcp-ready (param i32) (result i32)))
  (import "wasi:sockets/udp-create-socket@0.2.0" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:sockets/udp@0.2.0" "[method]udp-socket.start-bind" (func $start-bind-udp (type $address)))
  (import "wasi:sockets/udp@0.2.0" "[method]udp-socket.finish-bind" (func $finish-bind-udp (param i32 i32)))
  (import "wasi:sockets/udp@0.2.0" "[method]udp-socket.stream" (func $datagrams (type $address)))
  (import "wasi:sockets/udp@0.2.0" "[method]outgoing-datagram-stream.check-send" (func $check (param i32 i32)))
  (import "wasi:sockets/udp@0.2.0" "[method]outgoing-datagram-stream.send" (func $send (param i32 i32 i32 i32)))
  (import "wasi:sockets/udp@0.2.0" "[method]incoming-datagram-stream.receive" (func $receive (param i32 i64 i32)))
  (import "wasi:sockets/udp@0.2.0" "[method]incoming-datagram-stream.subscribe" (func $udp-ready (param i32) (result i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.0" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.0" "[method]resolve-address-stream.resolve-next-address" (func $next-address (param i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.0" "[method]resolve-address-stream.subscribe" (func $name-ready (param i32) (result i32)))

  ;; 0: results of calls; what the host allocates from 1024
  (memory (export "memory") 1)
  (data (i32.const 128) "ping")
  (data (i32.const 144) "localhost")
  ;; A datagram: its data, to where the socket is connected to.
  (data (i32.const 160) "\80\00\00\00\04\00\00\00\00")
  (global $next (mut i32) (i32.const 1024))
  (global $socket (mut i32) (i32.const 0))
  (global $from (mut i32) (i32.const 0))
  (global $to (mut i32) (i32.const 0))

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

  (func $ping
    (call $write (global.get $to) (i32.const 128) (i32.const 4) (i32.const 0))
    (call $ok))

  (func $connect (param $port i32)
    (call $open-tcp)
    (call $start-connect (global.get $socket) (call $network) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok)
    (call $block (call $tcp-ready (global.get $socket)))
    (call $finish-connect (global.get $socket) (i32.const 0))
    (call $ok)
    (global.set $from (i32.load (i32.const 4)))
    (global.set $to (i32.load (i32.const 8)))
    (call $ping)
    (call $read (global.get $from) (i64.const 16) (i32.const 0))
    (call $ok))

  (func $listen (param $port i32)
    (call $open-tcp)
    (call $start-bind (global.get $socket) (call $network) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok)
    (call $finish-bind (global.get $socket) (i32.const 0))
    (call $ok)
    (call $start-listen (global.get $socket) (i32.const 0))
    (call $ok)
    (call $finish-listen (global.get $socket) (i32.const 0))
    (call $ok)
    (call $block (call $tcp-ready (global.get $socket)))
    (call $accept (global.get $socket) (i32.const 0))
    (call $ok)
    (global.set $to (i32.load (i32.const 12)))
    (call $ping))

  (func $open-udp (param $port i32)
    (call $udp (i32.const 0) (i32.const 0))
    (call $ok)
    (global.set $socket (i32.load (i32.const 4)))
    (call $start-bind-udp (global.get $socket) (call $network) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok)
    (call $finish-bind-udp (global.get $socket) (i32.const 0))
    (call $ok))

  ;; $connected is 1 for a socket that is connected to $port.
  (func $open-datagrams (param $connected i32) (param $port i32)
    (call $datagrams (global.get $socket) (local.get $connected) (i32.const 0) (local.get $port)
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $ok)
    (global.set $from (i32.load (i32.const 4)))
    (global.set $to (i32.load (i32.const 8))))

  (func $receive-one
    (call $block (call $udp-ready (global.get $from)))
    (call $receive (global.get $from) (i64.const 1) (i32.const 0))
    (call $ok)
    (if (i32.eqz (i32.load (i32.const 8))) (then unreachable)))

  (func $send-one (param $port i32)
    (call $open-udp (i32.const 0))
    (call $open-datagrams (i32.const 1) (local.get $port))
    (call $check (global.get $to) (i32.const 0))
    (call $ok)
    (call $send (global.get $to) (i32.const 160) (i32.const 1) (i32.const 0))
    (call $ok)
    (call $receive-one))

  (func $wait-for-one (param $port i32)
    (call $open-udp (local.get $port))
    (call $open-datagrams (i32.const 0) (i32.const 0))
    (call $receive-one))

  (func $look-up
    (local $stream i32)
    (call $resolve (call $network) (i32.const 144) (i32.const 9) (i32.const 0))
    (call $ok)
    (local.set $stream (i32.load (i32.const 4)))
    (call $block (call $name-ready (local.get $stream)))
    (call $next-address (local.get $stream) (i32.const 0))
    (call $ok)
    (if (i32.eqz (i32.load8_u (i32.const 2))) (then unreachable)))

  (func (export "wasi:cli/run@0.2.0#run") (result i32)
    (local $list i32) (local $verb i32) (local $port i32)
    (call $arguments (i32.const 0))
    (local.set $list (i32.load (i32.const 0)))
    (local.set $verb (i32.load8_u (i32.load offset=8 (local.get $list))))
    (local.set $port (call $number (i32.load offset=16 (local.get $list)) (i32.load offset=20 (local.get $list))))
    (if (i32.eq (local.get $verb) (i32.const 0x74)) (then (call $connect (local.get $port)) (return (i32.const 0))))
    (if (i32.eq (local.get $verb) (i32.const 0x6c)) (then (call $listen (local.get $port)) (return (i32.const 0))))
    (if (i32.eq (local.get $verb) (i32.const 0x75)) (then (call $send-one (local.get $port)) (return (i32.const 0))))
    (if (i32.eq (local.get $verb) (i32.const 0x77)) (then (call $wait-for-one (local.get $port)) (return (i32.const 0))))
    (if (i32.eq (local.get $verb) (i32.const 0x6e)) (then (call $look-up) (return (i32.const 0))))
    (i32.const 1)))
