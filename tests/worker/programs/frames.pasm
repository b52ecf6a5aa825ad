.param key imm8
.in source
.spans list
.out out, source.len

copyxor out, source, key
each span w of list in source into frames(total, crc)
    total = sum w
    crc = crc32c w
end
count = list.count
