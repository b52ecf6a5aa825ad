; Operations that follow each other on one span.
.inout data
.out out, 16
xor data, 1
c = crc32c data
add out, 1
add out[0:], 2
add out[0:16], 2
n = c
xor data[0:n], 1
add data[0:n], 1

; after fuse
.inout data
.out out, 16

fuse
    xor data, 1
    c = crc32c data
end
fuse
    add out, 1
    add out, 2
end
add out[0:16], 2
n = c
fuse
    xor data[0:n], 1
    add data[0:n], 1
end
