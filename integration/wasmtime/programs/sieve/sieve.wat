;; A benchmark module in the common form: a WASI command that brackets with `bench.start` and `bench.end` what is to be
;; timed. It counts the primes below two millions with a sieve, eight times over, and prints how many there are.
(module
  (import "bench" "start" (func $start))
  (import "bench" "end" (func $end))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 32)
  (global $limit i32 (i32.const 2000000))

  (func $sieve (result i32)
    (local $n i32) (local $multiple i32) (local $count i32)
    (memory.fill (i32.const 64) (i32.const 0) (global.get $limit))
    (local.set $n (i32.const 2))
    (loop $next
      (if (i32.eqz (i32.load8_u offset=64 (local.get $n)))
        (then
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (local.set $multiple (i32.add (local.get $n) (local.get $n)))
          (block $done
            (loop $strike
              (br_if $done (i32.ge_u (local.get $multiple) (global.get $limit)))
              (i32.store8 offset=64 (local.get $multiple) (i32.const 1))
              (local.set $multiple (i32.add (local.get $multiple) (local.get $n)))
              (br $strike)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (global.get $limit))))
    (local.get $count))

  ;; Prints a number and a line's end. Bytes 0 to 7 are the list of one piece, 8 to 11 what was written, 16 to 31 the text.
  (func $print (param $number i32)
    (local $at i32)
    (local.set $at (i32.const 31))
    (i32.store8 (local.get $at) (i32.const 10))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 32) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $round i32) (local $count i32)
    (call $start)
    (loop $again
      (local.set $count (call $sieve))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $round) (i32.const 8))))
    (call $end)
    (call $print (local.get $count))))
