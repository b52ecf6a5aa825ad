; An index counts from where its span begins.
.param key bytes4 = 0x37fa213d
.out out, 16
mask out[0:8], key
mask out[8:8], key

; after merge-spans
.param key bytes4 = 0x37fa213d
.out out, 16

mask out[0:8], key
mask out[8:8], key
