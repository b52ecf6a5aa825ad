; Of a fuse the rest stays.
.inout data
.return c
fuse
    c = crc32c data
    d = fnv data
end
fuse
    e = crc32c data
    f = fnv data
end

; after drop-dead
.inout data

c = crc32c data
