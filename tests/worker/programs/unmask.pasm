; Runs over streams.
.param key bytes1-16 = 0x37fa213d
.param mark imm8 = 10

mask data, key
crc = crc32c data
marks = counteq data, mark
