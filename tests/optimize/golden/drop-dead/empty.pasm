; Spans of no bytes, loops over them, empty blocks.
.param p imm8
.inout data
xor data[0:0], 1
xor data[0:0], p + 1
xor data[4:0], 1
copy data[0:0], data[0:0]
fill data[0:0], p
each window w of 4 in data[0:0]
    xor w, 1
end
each window w of p in data[0:0]
    xor w, 1
end
if data.len
end
repeat data.len
    if p
    else
    end
end
xor data, 1

; after drop-dead
.param p imm8
.inout data

xor data[0:0], p + 1
xor data[4:0], 1
each window w of p in data[0:0]
end
xor data, 1
