; Check a download against the checksum that S3 states for it (CRC-64/NVME) and the length.
;
;   pcpu run examples/verify.pasm FILE --param crc=0x... --param length=...

.param crc imm64
.param length imm64
.in data
.return ok, found

found = crc64nvme data
ok = found == crc & data.len == length
