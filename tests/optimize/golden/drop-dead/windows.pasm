; Windows of a span that they divide are all of one size.
.inout data
.out out, 16
.return c
c = 0
each window w of 4 in out
    d = fnv w[0:4]
    each window v of 2 in w
        e = fnv v[1:1]
        f = fnv out[v.start:2]
    end
end
each window w of 5 in out
    g = fnv w[0:4]
end

; after drop-dead
.inout data
.out out, 16

c = 0
each window w of 5 in out
    g = fnv w[0:4]
end
