; Blocks are passed by as a whole.
.in src
.out out, 16
.out other, 16
xor out, 1
if src.len
    c = crc32c src
    fill other, 1
end
add out, 2
each window w of 4 in out
    xor w, 1
end
sub out, 3

; after split-spans
.in src
.out out, 16
.out other, 16

xor out, 1
add out, 2
if src.len
    c = crc32c src
    fill other, 1
end
each window w of 4 in out
    xor w, 1
end
sub out, 3
