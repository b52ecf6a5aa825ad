; In blocks, and joined with a fuse that is there.
.inout data
xor data, 1
fuse
    add data, 1
    sub data, 2
end
each window w of 64 in data
    mask w, 0x01020304
    c = crc32c w
    if c
        not w
        rotl w, 1
    end
end
fuse
    xor data, 1
end

; after fuse
.inout data

fuse
    xor data, 1
    add data, 1
    sub data, 2
end
each window w of 64 in data
    fuse
        mask w, 0x01020304
        c = crc32c w
    end
    if c
        fuse
            not w
            rotl w, 1
        end
    end
end
xor data, 1
