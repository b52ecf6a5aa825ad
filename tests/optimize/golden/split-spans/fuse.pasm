; A fuse moves like its operations.
.out out, 16
.out other, 16
fuse
    xor out, 1
    add out, 2
end
xor other, 1
fuse
    sub out, 2
    c = crc32c out
end
add other, 2

; after split-spans
.out out, 16
.out other, 16

fuse
    xor out, 1
    add out, 2
end
fuse
    sub out, 2
    c = crc32c out
end
xor other, 1
add other, 2
