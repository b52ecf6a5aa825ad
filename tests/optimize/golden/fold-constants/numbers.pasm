; Constants, lengths of tables, items of tables and registers that are set to a number.
.const header = 14
.table magic = "GET "
.in src
.inout data
.out out, header + 2
n = header + magic.len
xor data[n:magic[0]], n - 1
copy out[0:header], src[n:header]
m = n * data.len

; after fold-constants
.const header = 14
.table magic = 0x47455420
.in src
.inout data
.out out, 16

n = 18
xor data[18:71], 17
copy out[0:14], src[18:14]
m = 18 * data.len
