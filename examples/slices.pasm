; One pass over many slices of a large blob that somebody else holds: a checksum and a histogram's worth for each.
; SLICES is a list of pairs of 64-bit little-endian numbers: offset, length.
;
;   pcpu run examples/slices.pasm BLOB --in slices=SLICES -o sums=sums.csv

.in blob
.spans slices

total = 0
each span s of slices in blob into sums(at, bytes, crc, hash)
    at = s.start
    bytes = s.len
    crc = crc32c s
    hash = fnv s
    total = total + bytes
end
