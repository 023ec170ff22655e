;; A benchmark module in the common form, as `sieve` is: in how many ways thirteen queens stand on a board without seeing
;; each other, by a function that calls itself. Calls are most of what it does: each keeps few numbers over each. It
;; prints the number of ways.
(module
  (import "bench" "start" (func $start))
  (import "bench" "end" (func $end))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $all i32 (i32.const 0x1fff))

  ;; The ways to go on when these columns are taken, and on this row these squares of rising and of falling diagonals.
  (func $ways (param $columns i32) (param $rising i32) (param $falling i32) (result i32)
    (local $free i32) (local $square i32) (local $count i32)
    (if (i32.eq (local.get $columns) (global.get $all)) (then (return (i32.const 1))))
    (local.set $free
      (i32.and (global.get $all)
        (i32.xor (i32.const -1)
          (i32.or (local.get $columns) (i32.or (local.get $rising) (local.get $falling))))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $free)))
        (local.set $square (i32.and (local.get $free) (i32.sub (i32.const 0) (local.get $free))))
        (local.set $free (i32.xor (local.get $free) (local.get $square)))
        (local.set $count
          (i32.add (local.get $count)
            (call $ways
              (i32.or (local.get $columns) (local.get $square))
              (i32.shl (i32.or (local.get $rising) (local.get $square)) (i32.const 1))
              (i32.shr_u (i32.or (local.get $falling) (local.get $square)) (i32.const 1)))))
        (br $next)))
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
    (local $count i32)
    (call $start)
    (local.set $count (call $ways (i32.const 0) (i32.const 0) (i32.const 0)))
    (call $end)
    (call $print (local.get $count))))
