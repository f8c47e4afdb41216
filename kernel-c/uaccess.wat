;; The only door between kernel memory and a program's memory.
;;
;; Instantiated once per program instance, with both memories; its exports go
;; into reserved slots of that kernel instance's table (kernel-c/uaccess.h).
;; Every access is checked first against the program memory's size. Memories
;; only grow, so the check holds; a bad address is -EFAULT (-14), never a trap
;; under a lock. The first 1024 bytes count as unmapped, so that a null pointer
;; and its members are caught.
(module
  (import "kernel" "memory" (memory $kernel 1 65536 shared))
  (import "program" "memory" (memory $user 1 65536 shared))

  ;; 1 when [address, address+length) lies in user memory
  (func $valid (param $address i32) (param $length i32) (result i32)
    (i32.and
      (i32.ge_u (local.get $address) (i32.const 1024))
      (i64.le_u
        (i64.add (i64.extend_i32_u (local.get $address))
                 (i64.extend_i32_u (local.get $length)))
        (i64.shl (i64.extend_i32_u (memory.size $user)) (i64.const 16)))))

  (func (export "copy_in") (param $to i32) (param $from i32) (param $length i32) (result i32)
    (if (i32.eqz (call $valid (local.get $from) (local.get $length)))
      (then (return (i32.const -14))))
    (memory.copy $kernel $user (local.get $to) (local.get $from) (local.get $length))
    (i32.const 0))

  (func (export "copy_out") (param $to i32) (param $from i32) (param $length i32) (result i32)
    (if (i32.eqz (call $valid (local.get $to) (local.get $length)))
      (then (return (i32.const -14))))
    (memory.copy $user $kernel (local.get $to) (local.get $from) (local.get $length))
    (i32.const 0))

  ;; copy_out for SpiderMonkey, whose memory.copy of shared memory is slower by a third, and by more when
  ;; the addresses are not aligned alike: large copies go from four quarters in turn, so that the processor
  ;; fetches four pages ahead at a time. V8's is as fast as memmove, faster than this; and into the kernel
  ;; this is slower in both.
  (func (export "copy_out_quarters") (param $to i32) (param $from i32) (param $length i32) (result i32)
    (local $part i32) (local $end i32)
    (local $to1 i32) (local $to2 i32) (local $to3 i32)
    (local $from1 i32) (local $from2 i32) (local $from3 i32)
    (if (i32.eqz (call $valid (local.get $to) (local.get $length)))
      (then (return (i32.const -14))))
    (if (i32.ge_u (local.get $length) (i32.const 2048))
      (then
        (local.set $part (i32.and (i32.shr_u (local.get $length) (i32.const 2)) (i32.const -128)))
        (local.set $end (i32.add (local.get $to) (local.get $part)))
        (local.set $to1 (i32.add (local.get $to) (local.get $part)))
        (local.set $from1 (i32.add (local.get $from) (local.get $part)))
        (local.set $to2 (i32.add (local.get $to1) (local.get $part)))
        (local.set $from2 (i32.add (local.get $from1) (local.get $part)))
        (local.set $to3 (i32.add (local.get $to2) (local.get $part)))
        (local.set $from3 (i32.add (local.get $from2) (local.get $part)))
        (loop $next
          (v128.store $user (local.get $to) (v128.load $kernel (local.get $from)))
          (v128.store $user offset=16 (local.get $to) (v128.load $kernel offset=16 (local.get $from)))
          (v128.store $user offset=32 (local.get $to) (v128.load $kernel offset=32 (local.get $from)))
          (v128.store $user offset=48 (local.get $to) (v128.load $kernel offset=48 (local.get $from)))
          (v128.store $user offset=64 (local.get $to) (v128.load $kernel offset=64 (local.get $from)))
          (v128.store $user offset=80 (local.get $to) (v128.load $kernel offset=80 (local.get $from)))
          (v128.store $user offset=96 (local.get $to) (v128.load $kernel offset=96 (local.get $from)))
          (v128.store $user offset=112 (local.get $to) (v128.load $kernel offset=112 (local.get $from)))
          (v128.store $user (local.get $to1) (v128.load $kernel (local.get $from1)))
          (v128.store $user offset=16 (local.get $to1) (v128.load $kernel offset=16 (local.get $from1)))
          (v128.store $user offset=32 (local.get $to1) (v128.load $kernel offset=32 (local.get $from1)))
          (v128.store $user offset=48 (local.get $to1) (v128.load $kernel offset=48 (local.get $from1)))
          (v128.store $user offset=64 (local.get $to1) (v128.load $kernel offset=64 (local.get $from1)))
          (v128.store $user offset=80 (local.get $to1) (v128.load $kernel offset=80 (local.get $from1)))
          (v128.store $user offset=96 (local.get $to1) (v128.load $kernel offset=96 (local.get $from1)))
          (v128.store $user offset=112 (local.get $to1) (v128.load $kernel offset=112 (local.get $from1)))
          (v128.store $user (local.get $to2) (v128.load $kernel (local.get $from2)))
          (v128.store $user offset=16 (local.get $to2) (v128.load $kernel offset=16 (local.get $from2)))
          (v128.store $user offset=32 (local.get $to2) (v128.load $kernel offset=32 (local.get $from2)))
          (v128.store $user offset=48 (local.get $to2) (v128.load $kernel offset=48 (local.get $from2)))
          (v128.store $user offset=64 (local.get $to2) (v128.load $kernel offset=64 (local.get $from2)))
          (v128.store $user offset=80 (local.get $to2) (v128.load $kernel offset=80 (local.get $from2)))
          (v128.store $user offset=96 (local.get $to2) (v128.load $kernel offset=96 (local.get $from2)))
          (v128.store $user offset=112 (local.get $to2) (v128.load $kernel offset=112 (local.get $from2)))
          (v128.store $user (local.get $to3) (v128.load $kernel (local.get $from3)))
          (v128.store $user offset=16 (local.get $to3) (v128.load $kernel offset=16 (local.get $from3)))
          (v128.store $user offset=32 (local.get $to3) (v128.load $kernel offset=32 (local.get $from3)))
          (v128.store $user offset=48 (local.get $to3) (v128.load $kernel offset=48 (local.get $from3)))
          (v128.store $user offset=64 (local.get $to3) (v128.load $kernel offset=64 (local.get $from3)))
          (v128.store $user offset=80 (local.get $to3) (v128.load $kernel offset=80 (local.get $from3)))
          (v128.store $user offset=96 (local.get $to3) (v128.load $kernel offset=96 (local.get $from3)))
          (v128.store $user offset=112 (local.get $to3) (v128.load $kernel offset=112 (local.get $from3)))
          (local.set $from (i32.add (local.get $from) (i32.const 128)))
          (local.set $from1 (i32.add (local.get $from1) (i32.const 128)))
          (local.set $to1 (i32.add (local.get $to1) (i32.const 128)))
          (local.set $from2 (i32.add (local.get $from2) (i32.const 128)))
          (local.set $to2 (i32.add (local.get $to2) (i32.const 128)))
          (local.set $from3 (i32.add (local.get $from3) (i32.const 128)))
          (local.set $to3 (i32.add (local.get $to3) (i32.const 128)))
          (br_if $next
            (i32.ne (local.tee $to (i32.add (local.get $to) (i32.const 128))) (local.get $end))))
        (local.set $to (local.get $to3))
        (local.set $from (local.get $from3))
        (local.set $length (i32.sub (local.get $length) (i32.shl (local.get $part) (i32.const 2))))))
    (memory.copy $user $kernel (local.get $to) (local.get $from) (local.get $length))
    (i32.const 0))

  (func (export "zero") (param $to i32) (param $length i32) (result i32)
    (if (i32.eqz (call $valid (local.get $to) (local.get $length)))
      (then (return (i32.const -14))))
    (memory.fill $user (local.get $to) (i32.const 0) (local.get $length))
    (i32.const 0))

  ;; Atomic load of an aligned word: *result (kernel) = *address (user).
  (func (export "load") (param $address i32) (param $result i32) (result i32)
    (if (i32.or (i32.and (local.get $address) (i32.const 3))
                (i32.eqz (call $valid (local.get $address) (i32.const 4))))
      (then (return (i32.const -14))))
    (i32.store $kernel (local.get $result)
      (i32.atomic.load $user (local.get $address)))
    (i32.const 0))

  (func (export "store") (param $address i32) (param $value i32) (result i32)
    (if (i32.or (i32.and (local.get $address) (i32.const 3))
                (i32.eqz (call $valid (local.get $address) (i32.const 4))))
      (then (return (i32.const -14))))
    (i32.atomic.store $user (local.get $address) (local.get $value))
    (i32.const 0))

  ;; Compare and swap; *result (kernel) = what was there.
  (func (export "swap") (param $address i32) (param $expected i32) (param $new i32) (param $result i32) (result i32)
    (if (i32.or (i32.and (local.get $address) (i32.const 3))
                (i32.eqz (call $valid (local.get $address) (i32.const 4))))
      (then (return (i32.const -14))))
    (i32.store $kernel (local.get $result)
      (i32.atomic.rmw.cmpxchg $user (local.get $address) (local.get $expected) (local.get $new)))
    (i32.const 0))

  ;; The offset of the first 64 bytes in which [a, a+length) and [b, b+length) differ,
  ;; or length. All are multiples of 64.
  (func (export "differ") (param $a i32) (param $b i32) (param $length i32) (result i32)
    (local $i i32)
    (if (i32.eqz (i32.and (call $valid (local.get $a) (local.get $length))
                          (call $valid (local.get $b) (local.get $length))))
      (then (return (i32.const -14))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
        (br_if $done
          (v128.any_true
            (v128.or
              (v128.or
                (v128.xor (v128.load $user (local.get $a)) (v128.load $user (local.get $b)))
                (v128.xor (v128.load $user offset=16 (local.get $a)) (v128.load $user offset=16 (local.get $b))))
              (v128.or
                (v128.xor (v128.load $user offset=32 (local.get $a)) (v128.load $user offset=32 (local.get $b)))
                (v128.xor (v128.load $user offset=48 (local.get $a)) (v128.load $user offset=48 (local.get $b)))))))
        (local.set $a (i32.add (local.get $a) (i32.const 64)))
        (local.set $b (i32.add (local.get $b) (i32.const 64)))
        (local.set $i (i32.add (local.get $i) (i32.const 64)))
        (br $next)))
    (local.get $i))

  ;; 0xff in each byte of x that is not zero
  (func $bytes (param $x i64) (result i64)
    (i64.mul
      (i64.shr_u
        (i64.and
          (i64.or
            (i64.add (i64.and (local.get $x) (i64.const 0x7f7f7f7f7f7f7f7f)) (i64.const 0x7f7f7f7f7f7f7f7f))
            (local.get $x))
          (i64.const 0x8080808080808080))
        (i64.const 7))
      (i64.const 255)))

  ;; Bytes of user memory that equal the twin's (user memory too) become those of
  ;; `from` (kernel), word by word and atomically; so does the twin.
  (func (export "merge") (param $to i32) (param $twin i32) (param $from i32) (param $length i32) (result i32)
    (local $i i32) (local $new i64) (local $old i64) (local $now i64) (local $seen i64) (local $mine i64)
    (if (i32.or (i32.and (local.get $to) (i32.const 7))
                (i32.eqz (i32.and (call $valid (local.get $to) (local.get $length))
                                  (call $valid (local.get $twin) (local.get $length)))))
      (then (return (i32.const -14))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
        (local.set $new (i64.load $kernel (i32.add (local.get $from) (local.get $i))))
        (local.set $old (i64.load $user (i32.add (local.get $twin) (local.get $i))))
        (if (i64.ne (local.get $new) (local.get $old))
          (then
            (local.set $now (local.get $old))
            (loop $again
              (local.set $mine (call $bytes (i64.xor (local.get $now) (local.get $old))))
              (local.set $seen
                (i64.atomic.rmw.cmpxchg $user (i32.add (local.get $to) (local.get $i))
                  (local.get $now)
                  (i64.or (i64.and (local.get $now) (local.get $mine))
                          (i64.and (local.get $new) (i64.xor (local.get $mine) (i64.const -1))))))
              (if (i64.ne (local.get $seen) (local.get $now))
                (then
                  (local.set $now (local.get $seen))
                  (br $again))))
            (i64.store $user (i32.add (local.get $twin) (local.get $i)) (local.get $new))))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (br $next)))
    (i32.const 0))

  ;; Size in 64 KiB pages after growing by $pages, or -12 (ENOMEM).
  (func (export "grow") (param $pages i32) (result i32)
    (if (i32.eq (memory.grow $user (local.get $pages)) (i32.const -1))
      (then (return (i32.const -12))))
    (memory.size $user)))
