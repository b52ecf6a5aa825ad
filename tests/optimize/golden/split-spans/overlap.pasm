; What touches the same bytes stays in its order; two that only read may change places.
.out out, 16
xor out[0:8], 1
xor out[7:8], 2
a = crc32c out[0:8]
b = crc32c out[7:8]
c = fnv out[0:8]

; after split-spans
.out out, 16
.return a, b, c

xor out[0:8], 1
xor out[7:8], 2
b = crc32c out[7:8]
a = crc32c out[0:8]
c = fnv out[0:8]
