; Constants and tables that nothing names; parameters and buffers are what callers know.
.param p imm8
.const a = 1
.const b = 2
.table t = 0x00
.table u = 0x01
.in src
.inout data
.out out, b
copy out[0:1], u

; after drop-dead
.param p imm8
.const b = 2
.table u = 0x01
.in src
.inout data
.out out, b

copy out[0:1], u
