; A span that has been checked lies in its buffer from then on.
.param n imm8
.inout data
.return c
c = crc32c data[n:16]
d = fnv data[n:8]
e = fnv data[n + 8:8]
f = fnv data[n + 8:9]
g = fnv data[n + 8:9]
if data.len > 99
    h = fnv data[20:80]
    i = fnv data[data.len - 100:100]
    j = fnv data[20:81]
end
k = fnv data[0:100]

; after drop-dead
.param n imm8
.inout data
.return c

c = crc32c data[n:16]
f = fnv data[n + 8:9]
if data.len > 99
    j = fnv data[20:81]
end
k = fnv data[0:100]
