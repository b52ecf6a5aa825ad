; A fuse stays as it is where one of its operations would be refused.
.inout data
n = 4
k = 400
fuse
    xor data[0:n], n
    add data[0:n], k
end
fuse
    xor data[0:n], n
    add data[0:n], n
end

; after fold-constants
.inout data

n = 4
k = 400
fuse
    xor data[0:n], n
    add data[0:n], k
end
fuse
    xor data[0:4], 4
    add data[0:4], 4
end
