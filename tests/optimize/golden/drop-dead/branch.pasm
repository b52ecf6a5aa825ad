; What a branch has checked is not checked after it.
.inout data
.return c
c = 0
if data.len & 1
    d = fnv data[0:8]
else
    e = fnv data[0:8]
end
f = fnv data[0:8]
g = fnv data[0:7]

; after drop-dead
.inout data
.return c

c = 0
if data.len & 1
    d = fnv data[0:8]
else
    e = fnv data[0:8]
end
f = fnv data[0:8]
