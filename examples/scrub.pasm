; Make gzip files reproducible (RFC 1952 2.3): the time and the system in the header say nothing of the content.
; Anything that is no gzip file stays as it is.
;
;   pcpu run examples/scrub.pasm archive.gz -o clean.gz

.inout data

is_gzip = 0
if data.len >= 18
    magic = be data[0:3]
    is_gzip = magic == 0x1f8b08
end
if is_gzip
    fill data[4:4], 0  ; MTIME
    fill data[9:1], 255  ; OS: unknown
end
