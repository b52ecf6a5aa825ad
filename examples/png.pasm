; Check the CRC of every chunk of a PNG file (PNG specification, 5.3), and give the size of the picture.
; wrong is the number of chunks that are damaged; chunks counts those up to IEND.
;
;   pcpu run examples/png.pasm picture.png

.const signature = 0x89504e470d0a1a0a
.in data
.return is_png, width, height, chunks, wrong

is_png = 0
chunks = 0
wrong = 0
width = 0
height = 0
if data.len >= 33
    start = be data[0:8]
    is_png = start == signature
    w = be data[16:4]
    h = be data[20:4]
end
if is_png
    width = w
    height = h
    at = 8
    repeat 1024
        if at + 12 <= data.len
            length = be data[at:4]
            if length <= data.len - at - 12
                stored = be data[at + 8 + length:4]
                actual = crc32 data[at + 4:length + 4]
                wrong = wrong + (stored != actual)
                chunks = chunks + 1
                at = at + length + 12
            else
                wrong = wrong + 1
                at = data.len
            end
        end
    end
end
