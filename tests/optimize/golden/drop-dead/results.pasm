; A result that nobody reads goes where its span lies in its buffer, whatever the input.
.param p imm8
.inout data
.out out, 16
.return c
c = crc32c data
d = crc32c data[0:8]
e = counteq data, p
f = fnv out[4:12]
g = counteq out, p + 1
h = hist data[data.len - 4:4]

; after drop-dead
.param p imm8
.inout data
.out out, 16
.return c

c = crc32c data
d = crc32c data[0:8]
g = counteq out, p + 1
