; Lengths that are the lesser of two, masked, or bounded by the width of a parameter.
.param n imm3
.param m imm64
.inout data
.out out, 16
.return c
c = 0
d = fnv data[0:m < data.len ? m : data.len]
e = fnv out[n:9]
f = fnv out[n:10]
g = fnv out[m & 7:8]
h = fnv out[m % 5 + 4:m & 8]
i = fnv data[0:m > data.len ? m : data.len]

; after drop-dead
.param n imm3
.param m imm64
.inout data
.out out, 16
.return c

c = 0
f = fnv out[n:10]
i = fnv data[0:m > data.len ? m : data.len]
