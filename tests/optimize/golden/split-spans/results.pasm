; An operation that reads a result begins anew: it cannot be fused with what sets it.
.out out, 16
.out other, 16
c = counteq out, 1
xor other, 1
add out, c & 7
xor other, 2
sub out, 1

; after split-spans
.out out, 16
.out other, 16

c = counteq out, 1
xor other, 1
xor other, 2
add out, c & 7
sub out, 1
