; A size of 0 is not known to the verifier here.
.table magic = 0x0041
.inout data
each window w of magic[0] in data
    xor w, 1
end
each window w of magic[1] in data
    xor w, 1
end

; after fold-constants
.table magic = 0x0041
.inout data

each window w of magic[0] in data
    xor w, 1
end
each window w of 65 in data
    xor w, 1
end
