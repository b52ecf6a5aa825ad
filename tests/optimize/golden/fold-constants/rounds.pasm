; What is known without a branch lets another one go.
.inout data
a = 0
b = 0
repeat 3
    if b
        xor data, 1
    end
    if a
        b = 1
    end
end

; after fold-constants
.inout data

a = 0
b = 0
repeat 3
end
