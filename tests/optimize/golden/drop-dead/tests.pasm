; What a test says about a length.
.param n imm8
.inout data
.return c
c = 0
if data.len >= 8
    d = fnv data[0:8]
    e = fnv data[0:9]
end
if 8 < data.len
    d2 = fnv data[0:9]
    e2 = fnv data[0:10]
end
if data.len < 8 | n == 4
    d3 = fnv data[0:1]
else
    d4 = fnv data[0:8]
end
if data.len >= n & n > 3
    d5 = fnv data[0:n]
    d6 = fnv data[n:]
    d7 = fnv data[n:1]
end

; after drop-dead
.param n imm8
.inout data

c = 0
if data.len >= 8
    e = fnv data[0:9]
end
if 8 < data.len
    e2 = fnv data[0:10]
end
if data.len < 8 | n == 4
    d3 = fnv data[0:1]
end
if data.len >= n & n > 3
    d7 = fnv data[n:1]
end
