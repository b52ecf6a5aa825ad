; The source of a copy is read before it writes.
.out out, 24
copy out[4:4], out[0:4]
copy out[8:4], out[4:4]
copy out[0:4], out[8:4]
copy out[4:4], out[12:4]

; after merge-spans
.out out, 24

copy out[4:4], out[0:4]
copy out[8:4], out[4:4]
copy out[0:8], out[8:8]
