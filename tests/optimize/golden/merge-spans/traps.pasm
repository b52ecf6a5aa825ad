; A check that can fail states its span, so both stay.
.inout data
xor data[0:4], 1
xor data[4:4], 1
add data[0:4], data.len
add data[4:4], data.len

; after merge-spans
.inout data

xor data[0:4], 1
xor data[4:4], 1
add data[0:4], data.len
add data[4:4], data.len
