; An operation stays behind what sets the registers that it reads, and before nothing that reads
; its result.
.param n imm8
.out out, 16
.out other, 300
xor out[0:8], 1
n2 = n + 1
c = crc32c other[n:4]
add out[0:8], c & 7
and out[0:8], n
xor other[n2:4], 1
n2 = n2 - n
sub other[n2:4], 1

; after split-spans
.param n imm8
.out out, 16
.out other, 300

xor out[0:8], 1
n2 = n + 1
c = crc32c other[n:4]
add out[0:8], c & 7
and out[0:8], n
xor other[n2:4], 1
n2 = n2 - n
sub other[n2:4], 1
