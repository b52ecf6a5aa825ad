; Undo the masking of a WebSocket message (RFC 6455 5.3) and check what was in it.
;
;   pcpu run examples/unmask.pasm MESSAGE --param key=0x37fa213d -o plain

.param key bytes4
.inout data

mask data, key
crc = crc32c data
lines = counteq data, 10
