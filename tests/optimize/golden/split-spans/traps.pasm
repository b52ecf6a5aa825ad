; Of two checks that can fail the first one counts.
.param n imm16
.inout data
.inout more
xor data[0:8], 1
xor more[0:8], n
add data[0:8], 2
sub data[0:8], n

; after split-spans
.param n imm16
.inout data
.inout more

xor data[0:8], 1
add data[0:8], 2
xor more[0:8], n
sub data[0:8], n
