; Statements on two spans that have no byte in common.
.inout data
.out out, 16
xor out[0:8], 1
xor out[8:8], 2
a = crc32c out[0:8]
b = crc32c out[8:8]
add out[0:8], 3

; after split-spans
.inout data
.out out, 16

xor out[0:8], 1
a = crc32c out[0:8]
add out[0:8], 3
xor out[8:8], 2
b = crc32c out[8:8]
