; A length stays where the work over so many bytes would be too much; it is bounded by the buffer.
.inout data
n = 1 << 20
repeat 60000
    xor data[0:n], n & 7
end

; after fold-constants
.inout data

n = 1048576
repeat 60000
    xor data[0:n], 0
end
