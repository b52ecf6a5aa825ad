; A register that a loop sets is not known in it, nor after it.
.param p imm8
.inout data
n = 1
k = 2
each window w of 16 in data
    xor w[0:1], n
    add w[0:1], k
    n = n + 1
end
repeat p
    add data[0:1], k
    k = 3
end
xor data[0:1], n
add data[0:1], k

; after fold-constants
.param p imm8
.inout data

n = 1
k = 2
each window w of 16 in data
    xor w[0:1], n
    add w[0:1], 2
    n = n + 1
end
repeat p
    add data[0:1], k
    k = 3
end
xor data[0:1], n
add data[0:1], k
