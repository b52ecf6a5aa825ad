; A register is 0 before it is set, and stays known where its only setting never ran.
.inout data
.return m, j
if data.len == 3
    n = 5
else
    xor data[n:], 1
end
if 0
    k = crc32c data
end
if k
    add data, 1
end
repeat 0
    m = crc32c data
end
if 0
    j = 5
end
j = j + data.len

; after fold-constants
.inout data
.return m, j

if data.len == 3
    n = 5
else
    xor data, 1
end
repeat 0
    m = crc32c data
end
j = 0 + data.len
