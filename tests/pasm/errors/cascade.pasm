; One mistake at a time: what follows from each is not reported again.
.table magic = 0x123
.out copied, sorce.len

lit copied[0:2], magic
each window w of 4 of data
    crc = crc32c w
    repeat w.len as i
        n = n0 + i
        n = n + n0
    end
end
total = crc + n
m = 1 +
k = m + 1
repeat m & 3
    y = k
end
