; A window is another name for its bytes.
.out out, 16
each window w of 8 in out
    xor w[0:4], 1
    xor w[4:4], 1
    add w[0:4], 1
    add out[w.start + 4:4], 1
end

; after merge-spans
.out out, 16

each window w of 8 in out
    xor w[0:8], 1
    add w[0:4], 1
    add out[w.start + 4:4], 1
end
