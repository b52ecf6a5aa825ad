; Registers that nobody reads, and what only these read; a loop may keep no other alive.
.inout data
.return c
n = data.len + 1
k = n * 2
m = 4
repeat 3
    k = k + n
end
c = crc32c data
if k
    k = 1
end
m = m + 1
xor data, m & 7

; after drop-dead
.inout data
.return c

m = 4
c = crc32c data
m = m + 1
xor data, m & 7
