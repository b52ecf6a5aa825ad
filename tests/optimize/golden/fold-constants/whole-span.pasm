; A span that is all of its buffer is written as such.
.table magic = "GET "
.inout data
.out out, 4
xor data[0:data.len], 1
copy out[0:4], magic[0:magic.len]

; after fold-constants
.table magic = 0x47455420
.inout data
.out out, 4

xor data, 1
copy out, magic
