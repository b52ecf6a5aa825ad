; Block operations and literals.
.in src
.out out, 24
.out other, 24
if src.len >= 24
    copy out[0:4], src[8:4]
    copy out[4:8], src[12:8]
    copyxor out[0:4], src[0:4], 7
    copyxor out[4:4], src[4:4], 7
    copyadd out[0:4], src[0:4], 1
    copyadd out[4:4], src[4:4], 2
    adddiff out[0:4], src[0:4], other[4:4]
    adddiff out[4:4], src[4:4], other[8:4]
    fill out[8:4], 0
    fill out[12:12], 0
    lit out[4:4], "efgh"
    lit out[0:4], "abcd"
    copy out[0:4], src[0:4]
    copy out[4:4], src[8:4]
end

; after merge-spans
.in src
.out out, 24
.out other, 24

if src.len >= 24
    copy out[0:12], src[8:12]
    copyxor out[0:8], src[0:8], 7
    copyadd out[0:4], src[0:4], 1
    copyadd out[4:4], src[4:4], 2
    adddiff out[0:8], src[0:8], other[4:8]
    fill out[8:16], 0
    lit out[0:8], 0x6162636465666768
    copy out[0:4], src[0:4]
    copy out[4:4], src[8:4]
end
