; An output table is declared, if nothing is ever written to it.
.inout data
n = 0
if n
    each window w of 4 in data into rows(n)
        n = n + 1
    end
end

; after fold-constants
.inout data

n = 0
if 0
    each window w of 4 in data into rows(n)
        n = n + 1
    end
end
