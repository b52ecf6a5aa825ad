; What reads a result stands behind what sets it.
.inout data
c = counteq data, 1
xor data, c & 7
d = counteq data, 2
add data, d & 7
sub data, c & 7

; after fuse
.inout data

c = counteq data, 1
fuse
    xor data, c & 7
    d = counteq data, 2
end
fuse
    add data, d & 7
    sub data, c & 7
end
