; A program without results stays one: its registers move to no place where they would be
; returned.
.inout data
if 1
    n = data.len >> 1
    xor data[0:n], 1
else
    n = 1
end

; after fold-constants
.inout data

if 1
    n = data.len >> 1
    xor data[0:n], 1
end
