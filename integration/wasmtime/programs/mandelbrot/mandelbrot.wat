;; A benchmark module in the common form, as `sieve` is: the Mandelbrot set, four points at a time in vectors of single
;; precision. It prints how many steps all points together took, of at most 255 each.
(module
  (import "bench" "start" (func $start))
  (import "bench" "end" (func $end))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $side i32 (i32.const 512))
  (global $scale f32 (f32.const 0.00546875))

  ;; The steps of four points beside each other until they are far off.
  (func $points (param $real v128) (param $imaginary v128) (result i32)
    (local $x v128) (local $y v128) (local $x2 v128) (local $y2 v128) (local $near v128) (local $steps v128)
    (local $round i32)
    (block $done
      (loop $step
        (local.set $x2 (f32x4.mul (local.get $x) (local.get $x)))
        (local.set $y2 (f32x4.mul (local.get $y) (local.get $y)))
        (local.set $near (f32x4.le (f32x4.add (local.get $x2) (local.get $y2)) (v128.const f32x4 4 4 4 4)))
        (br_if $done (i32.eqz (v128.any_true (local.get $near))))
        ;; A lane of -1 is a point that is near.
        (local.set $steps (i32x4.sub (local.get $steps) (local.get $near)))
        (local.set $y
          (f32x4.add (local.get $imaginary)
            (f32x4.mul (v128.const f32x4 2 2 2 2) (f32x4.mul (local.get $x) (local.get $y)))))
        (local.set $x (f32x4.add (local.get $real) (f32x4.sub (local.get $x2) (local.get $y2))))
        (local.set $round (i32.add (local.get $round) (i32.const 1)))
        (br_if $step (i32.lt_u (local.get $round) (i32.const 255)))))
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $steps)) (i32x4.extract_lane 1 (local.get $steps)))
      (i32.add (i32x4.extract_lane 2 (local.get $steps)) (i32x4.extract_lane 3 (local.get $steps)))))

  (func $picture (result i32)
    (local $column i32) (local $row i32) (local $sum i32) (local $real v128) (local $imaginary v128)
    (loop $next_row
      (local.set $imaginary
        (f32x4.splat
          (f32.sub (f32.mul (f32.convert_i32_u (local.get $row)) (global.get $scale)) (f32.const 1.4))))
      (local.set $column (i32.const 0))
      (loop $next_column
        (local.set $real
          (f32x4.add
            (f32x4.splat
              (f32.sub (f32.mul (f32.convert_i32_u (local.get $column)) (global.get $scale)) (f32.const 2)))
            (f32x4.mul (f32x4.splat (global.get $scale)) (v128.const f32x4 0 1 2 3))))
        (local.set $sum (i32.add (local.get $sum) (call $points (local.get $real) (local.get $imaginary))))
        (local.set $column (i32.add (local.get $column) (i32.const 4)))
        (br_if $next_column (i32.lt_u (local.get $column) (global.get $side))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next_row (i32.lt_u (local.get $row) (global.get $side))))
    (local.get $sum))

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
    (local $sum i32)
    (call $start)
    (local.set $sum (call $picture))
    (call $end)
    (call $print (local.get $sum))))
