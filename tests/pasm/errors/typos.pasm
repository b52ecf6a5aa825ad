.parm key imm8
.param key im8
.const header = 14 +
.table magic = "abc

crc = crc23c data
xr data, 1
mask dat, 0x0102
fil data, 0
copy data
n = data.lenght
n = 3 $ 4
xor 0x5a
x = crc32c
endif
