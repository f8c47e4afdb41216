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

  ;; Size in 64 KiB pages after growing by $pages, or -12 (ENOMEM).
  (func (export "grow") (param $pages i32) (result i32)
    (if (i32.eq (memory.grow $user (local.get $pages)) (i32.const -1))
      (then (return (i32.const -12))))
    (memory.size $user)))
