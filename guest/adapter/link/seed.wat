;; What stands in for `wasi:random/insecure-seed` in both components. Rust's standard library asks it for the keys of its
;; hash maps, which some crates use; the handler has no chance, and so its maps have the same keys each time. What a
;; client or a file could gain by knowing them is bounded by how much of either is read.
(module
  (import "env" "memory" (memory 0))
  ;; Writes the two halves of the seed.
  (func (export "insecure-seed") (param $to i32)
    (i64.store (local.get $to) (i64.const 0))
    (i64.store offset=8 (local.get $to) (i64.const 0))))
