; A loop whose check can fail stays, and so does one with an output table.
.param p imm8
.inout data
.spans list
.return c
c = 0
each window w of p in data
    d = fnv w
end
each window w of 4 in data into rows(n)
    n = w.len
    e = fnv w
end
each span s of list in data
    f = fnv s
end
each window w of 8 in data
    g = fnv w[0:1]
    h = fnv data[w.start:1]
    i = fnv w[0:2]
end
each window w of 8 in data
    j = fnv w[0:1]
end

; after drop-dead
.param p imm8
.inout data
.spans list

c = 0
each window w of p in data
end
each window w of 4 in data into rows(n)
    n = w.len
end
each span s of list in data
end
each window w of 8 in data
    i = fnv w[0:2]
end
