; A known test chooses a branch; its registers become results no more than before.
.const fast = 1
.inout data
if fast
    n = 4
else
    n = 8
end
xor data[0:n], 1
c = crc32c data
if c
    k = 1
end
if fast == 0
    add data, 1
end

; after fold-constants
.const fast = 1
.inout data
.return c

n = 4
xor data[0:4], 1
c = crc32c data
if c
    k = 1
end
