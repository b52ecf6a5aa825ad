; A program for streams is no exception, where it runs on data that is there as a whole.
.param key bytes4 = 0x37fa213d
.inout data
mask data, key
crc = crc32c data

; after fuse
.param key bytes4 = 0x37fa213d
.inout data

fuse
    mask data, key
    crc = crc32c data
end
