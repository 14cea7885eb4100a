;; A component of WASI 0.2 by hand: `greet NAME...` prints "Hello, NAME!" for
;; each name, or "Hello, world!" when there is none.
;;
;; Compilers write all of this for you. It is written out here because it is
;; short and shows what a component is: imported interfaces with types, a core
;; module that knows only numbers and memory, and the lifting and lowering
;; between the two.
(component
  ;; What it needs of the host.
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:io/error@0.2.0" (instance $error
    (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error-resource))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error-resource (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $stream-error-def (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-def)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output-stream)) (param "contents" (list u8))
        (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (export "get-stdout" (func (result (own $output-stream))))))

  ;; Memory, and an allocator that only ever goes forward: the host uses it to
  ;; hand over the list of arguments.
  (core module $Memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $address i32)
      (local.set $address
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
          (i32.xor (i32.sub (local.get $align) (i32.const 1)) (i32.const -1))))
      (global.set $next (i32.add (local.get $address) (local.get $size)))
      (block $enough
        (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $enough (i32.ne
          (memory.grow (i32.add (i32.div_u (local.get $size) (i32.const 65536)) (i32.const 1)))
          (i32.const -1)))
        unreachable)
      (local.get $address)))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "cabi_realloc" (core func $realloc))

  ;; The imports, lowered to functions of numbers.
  (core func $get-arguments
    (canon lower (func $environment "get-arguments") (memory $mem) (realloc $realloc)))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $write
    (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $mem) (realloc $realloc)))
  (core func $drop-stream (canon resource.drop $output-stream))

  ;; The program.
  (core module $Main
    (import "host" "memory" (memory 1))
    (import "host" "get-arguments" (func $get-arguments (param i32)))
    (import "host" "get-stdout" (func $get-stdout (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "drop-stream" (func $drop-stream (param i32)))
    ;; 0: results of calls; 16, 32, 48: texts
    (data (i32.const 16) "Hello, ")
    (data (i32.const 32) "!\n")
    (data (i32.const 48) "world")

    ;; Prints a text; traps when the stream refuses it.
    (func $print (param $stream i32) (param $text i32) (param $length i32)
      (call $write (local.get $stream) (local.get $text) (local.get $length) (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then unreachable)))

    (func $greet (param $stream i32) (param $name i32) (param $length i32)
      (call $print (local.get $stream) (i32.const 16) (i32.const 7))
      (call $print (local.get $stream) (local.get $name) (local.get $length))
      (call $print (local.get $stream) (i32.const 32) (i32.const 2)))

    ;; wasi:cli/run's result: 0 is ok.
    (func (export "run") (result i32)
      (local $stream i32) (local $argument i32) (local $end i32)
      (local.set $stream (call $get-stdout))
      ;; get-arguments stores where the list is, and its length; each element
      ;; is a text's address and length. The first is the program's own name.
      (call $get-arguments (i32.const 0))
      (local.set $argument (i32.load (i32.const 0)))
      (local.set $end (i32.add (local.get $argument) (i32.mul (i32.load (i32.const 4)) (i32.const 8))))
      (local.set $argument (i32.add (local.get $argument) (i32.const 8)))
      (if (i32.ge_u (local.get $argument) (local.get $end))
        (then (call $greet (local.get $stream) (i32.const 48) (i32.const 5))))
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $argument) (local.get $end)))
          (call $greet (local.get $stream) (i32.load (local.get $argument)) (i32.load offset=4 (local.get $argument)))
          (local.set $argument (i32.add (local.get $argument) (i32.const 8)))
          (br $next)))
      (call $drop-stream (local.get $stream))
      (i32.const 0)))
  (core instance $main (instantiate $Main (with "host" (instance
    (export "memory" (memory $mem))
    (export "get-arguments" (func $get-arguments))
    (export "get-stdout" (func $get-stdout))
    (export "write" (func $write))
    (export "drop-stream" (func $drop-stream))))))

  ;; What it offers.
  (func $run (result (result)) (canon lift (core func $main "run")))
  (component $Run
    (import "run" (func $run (result (result))))
    (export "run" (func $run)))
  (instance $cli (instantiate $Run (with "run" (func $run))))
  (export "wasi:cli/run@0.2.0" (instance $cli)))
