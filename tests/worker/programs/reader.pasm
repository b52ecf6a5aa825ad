; Writes nothing.
.param size imm16 = 4
.in source

each window w of size in source into rows(total)
    total = sum w
end
longest = find source, 0
