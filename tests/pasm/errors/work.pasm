.param limit imm16
.in data
.in other
.out big, data.len * other.len
.out endless, 0 - data.len

n = data.len * 2
repeat n
    x = 1
end
repeat data.len
    a = crc32c other
end
repeat 70000
    b = crc32c data
end
repeat limit
    repeat limit
        c = 1
    end
end
each window w of n in data
    repeat w.len
        d = crc32c w
    end
end
repeat 65537
    repeat 65537
    end
end
