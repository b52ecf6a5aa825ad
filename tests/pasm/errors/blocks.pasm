end
else
if data.len
    x = 1
else
    x = 2
else
    x = 3
end
repeat data.len as i
    fuse
        xor data, 1
        n = i
        add data, 2
    end
each window w of 4 in data into sums(crc)
    crc = crc32c w
    each window v of 2 in w into more(crc)
    end
end
if x
    repeat 2
