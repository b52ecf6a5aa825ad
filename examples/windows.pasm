; A manifest of a large file: the CRC-32C of every window, so that any part can be checked alone.
;
;   pcpu run examples/windows.pasm FILE -o manifest=manifest.csv

.param size imm32 = 65536
.in data

whole = crc32c data
each window w of size in data into manifest(at, bytes, crc)
    at = w.start
    bytes = w.len
    crc = crc32c w
end
