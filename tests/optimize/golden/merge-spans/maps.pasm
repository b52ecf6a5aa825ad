; Adjacent spans of one map, in any order.
.out out, 16
xor out[0:4], 1
xor out[4:4], 1
xor out[12:], 1
xor out[8:4], 1
add out[0:4], 1
xor out[4:4], 1
add out[4:4], 2

; after merge-spans
.out out, 16

xor out, 1
add out[0:4], 1
xor out[4:4], 1
add out[4:4], 2
