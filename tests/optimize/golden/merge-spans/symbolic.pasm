; Adjacent whatever the numbers are.
.param n imm8
.inout data
if data.len >= 600
    xor data[n:4], n
    xor data[n + 4:n], n
    xor data[n + n + 4:2], n
    add data[0:n], 1
    add data[n:], 1
end

; after merge-spans
.param n imm8
.inout data

if data.len >= 600
    xor data[n:n + 6], n
    add data, 1
end
