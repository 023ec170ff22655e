;; A benchmark module in the common form, as `sieve` is: seven bodies that attract each other, two hundred thousand steps.
;; It is all multiplications and additions of 64 bits; it prints the energy in the end, in millionths.
;;
;; A body is seven numbers: place, speed and mass. They lie from address 64 on, 56 bytes each.
(module
  (import "bench" "start" (func $start))
  (import "bench" "end" (func $end))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $first i32 (i32.const 64))
  (global $end_of_bodies i32 (i32.const 456))
  (global $step f64 (f64.const 0.001))

  (func $place (param $at i32) (param $x f64) (param $y f64) (param $z f64) (param $vx f64) (param $vy f64) (param $vz f64)
    (param $mass f64)
    (f64.store (local.get $at) (local.get $x))
    (f64.store offset=8 (local.get $at) (local.get $y))
    (f64.store offset=16 (local.get $at) (local.get $z))
    (f64.store offset=24 (local.get $at) (local.get $vx))
    (f64.store offset=32 (local.get $at) (local.get $vy))
    (f64.store offset=40 (local.get $at) (local.get $vz))
    (f64.store offset=48 (local.get $at) (local.get $mass)))

  ;; Changes the speeds of all bodies, pair by pair, and then their places.
  (func $advance
    (local $one i32) (local $other i32)
    (local $x f64) (local $y f64) (local $z f64) (local $square f64) (local $pull f64) (local $share f64)
    (local $vx f64) (local $vy f64) (local $vz f64)
    (local.set $one (global.get $first))
    (loop $next
      (local.set $vx (f64.load offset=24 (local.get $one)))
      (local.set $vy (f64.load offset=32 (local.get $one)))
      (local.set $vz (f64.load offset=40 (local.get $one)))
      (local.set $other (i32.add (local.get $one) (i32.const 56)))
      (block $done
        (loop $pair
          (br_if $done (i32.ge_u (local.get $other) (global.get $end_of_bodies)))
          (local.set $x (f64.sub (f64.load (local.get $one)) (f64.load (local.get $other))))
          (local.set $y (f64.sub (f64.load offset=8 (local.get $one)) (f64.load offset=8 (local.get $other))))
          (local.set $z (f64.sub (f64.load offset=16 (local.get $one)) (f64.load offset=16 (local.get $other))))
          (local.set $square
            (f64.add
              (f64.mul (local.get $x) (local.get $x))
              (f64.add (f64.mul (local.get $y) (local.get $y)) (f64.mul (local.get $z) (local.get $z)))))
          (local.set $pull
            (f64.div (global.get $step) (f64.mul (local.get $square) (f64.sqrt (local.get $square)))))
          (local.set $share (f64.mul (f64.load offset=48 (local.get $other)) (local.get $pull)))
          (local.set $vx (f64.sub (local.get $vx) (f64.mul (local.get $x) (local.get $share))))
          (local.set $vy (f64.sub (local.get $vy) (f64.mul (local.get $y) (local.get $share))))
          (local.set $vz (f64.sub (local.get $vz) (f64.mul (local.get $z) (local.get $share))))
          (local.set $share (f64.mul (f64.load offset=48 (local.get $one)) (local.get $pull)))
          (f64.store offset=24 (local.get $other)
            (f64.add (f64.load offset=24 (local.get $other)) (f64.mul (local.get $x) (local.get $share))))
          (f64.store offset=32 (local.get $other)
            (f64.add (f64.load offset=32 (local.get $other)) (f64.mul (local.get $y) (local.get $share))))
          (f64.store offset=40 (local.get $other)
            (f64.add (f64.load offset=40 (local.get $other)) (f64.mul (local.get $z) (local.get $share))))
          (local.set $other (i32.add (local.get $other) (i32.const 56)))
          (br $pair)))
      (f64.store offset=24 (local.get $one) (local.get $vx))
      (f64.store offset=32 (local.get $one) (local.get $vy))
      (f64.store offset=40 (local.get $one) (local.get $vz))
      (f64.store (local.get $one) (f64.add (f64.load (local.get $one)) (f64.mul (global.get $step) (local.get $vx))))
      (f64.store offset=8 (local.get $one)
        (f64.add (f64.load offset=8 (local.get $one)) (f64.mul (global.get $step) (local.get $vy))))
      (f64.store offset=16 (local.get $one)
        (f64.add (f64.load offset=16 (local.get $one)) (f64.mul (global.get $step) (local.get $vz))))
      (local.set $one (i32.add (local.get $one) (i32.const 56)))
      (br_if $next (i32.lt_u (local.get $one) (global.get $end_of_bodies)))))

  ;; Half of mass times speed squared, over all bodies.
  (func $energy (result f64)
    (local $one i32) (local $sum f64)
    (local.set $one (global.get $first))
    (loop $next
      (local.set $sum
        (f64.add (local.get $sum)
          (f64.mul (f64.mul (f64.const 0.5) (f64.load offset=48 (local.get $one)))
            (f64.add
              (f64.mul (f64.load offset=24 (local.get $one)) (f64.load offset=24 (local.get $one)))
              (f64.add
                (f64.mul (f64.load offset=32 (local.get $one)) (f64.load offset=32 (local.get $one)))
                (f64.mul (f64.load offset=40 (local.get $one)) (f64.load offset=40 (local.get $one))))))))
      (local.set $one (i32.add (local.get $one) (i32.const 56)))
      (br_if $next (i32.lt_u (local.get $one) (global.get $end_of_bodies))))
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
    (local $steps i32)
    (call $place (i32.const 64) (f64.const 0) (f64.const 0) (f64.const 0)
      (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 40))
    (call $place (i32.const 120) (f64.const 5) (f64.const -1) (f64.const 0.1)
      (f64.const 0.6) (f64.const 2.8) (f64.const 0) (f64.const 0.04))
    (call $place (i32.const 176) (f64.const 8) (f64.const 4) (f64.const -0.4)
      (f64.const -1) (f64.const 1.8) (f64.const 0.01) (f64.const 0.01))
    (call $place (i32.const 232) (f64.const 13) (f64.const -15) (f64.const -0.2)
      (f64.const 1.1) (f64.const 0.9) (f64.const -0.01) (f64.const 0.002))
    (call $place (i32.const 288) (f64.const 15) (f64.const -26) (f64.const 0.2)
      (f64.const 1) (f64.const 0.6) (f64.const -0.03) (f64.const 0.002))
    (call $place (i32.const 344) (f64.const -20) (f64.const 3) (f64.const 1)
      (f64.const 0.1) (f64.const -1.3) (f64.const 0.2) (f64.const 0.01))
    (call $place (i32.const 400) (f64.const -30) (f64.const -9) (f64.const -2)
      (f64.const 0.3) (f64.const -1) (f64.const 0.1) (f64.const 0.003))
    (call $start)
    (loop $again
      (call $advance)
      (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $steps) (i32.const 200000))))
    (call $end)
    (call $print (i32.trunc_sat_f64_u (f64.mul (call $energy) (f64.const 1e6))))))
