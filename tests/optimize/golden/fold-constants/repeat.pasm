; A loop of no turn is nothing, one of one turn its body.
.const none = 0
.const one = 1
.inout data
repeat one as i
    xor data[i:4], i + 7
end
repeat none
    xor data, 1
end
repeat 2 as i
    xor data[i:4], i + 7
end

; after fold-constants
.const none = 0
.const one = 1
.inout data

xor data[0:4], 7
repeat 2 as i
    xor data[i:4], i + 7
end
