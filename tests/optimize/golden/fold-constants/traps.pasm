; What fails when it runs goes on to fail there: the verifier would refuse these numbers.
.table magic = "GET "
.inout data
.out out, 8
n = 300
xor data, n
fill out, n
each window w of 4 in data
    xor out[0:n - 290], 1
end
k = 9
copy out[0:k - 3], data[0:k - 4]
lit out[0:k], "GET "
add out[k:], 1

; after fold-constants
.table magic = 0x47455420
.inout data
.out out, 8

n = 300
xor data, n
fill out, n
each window w of 4 in data
    xor out[0:n - 290], 1
end
k = 9
copy out[0:k - 3], data[0:k - 4]
lit out[0:k], 0x47455420
add out[k:], 1
