.const size = 16
.table magic = 0x7f454c46
.in source
.out target, source.len
.spans parts

a = sizes + 1
b = later
later = 2
size = 3
c = magic
d = source
crc = crc32c parts
crc = fnv source
xor source, 1
xor magic[0:1], 1
copy target[0:3], magic
crc32c magic[2:3]
e = parts[0]
e = target.count
xor target, e
xor target, 0x100
mask target, size
if = 3
