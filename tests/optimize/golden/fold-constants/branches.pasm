; Registers are known after branches that agree.
.inout data
if data.len
    n = 4
    k = 1
else
    n = 4
    k = 2
end
xor data[0:n], k

; after fold-constants
.inout data

if data.len
    n = 4
    k = 1
else
    n = 4
    k = 2
end
xor data[0:4], k
