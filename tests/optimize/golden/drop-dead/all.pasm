; A program has a statement, if one that does nothing.
.inout data
if data.len
    n = 1
end

; after drop-dead
.inout data

if data.len
    n = 1
end
