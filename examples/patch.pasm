; A file from a reference that the other side holds already: pointers into it, and the few bytes that are new.
; This one gives the licence of this repository another holder: 16 new bytes in place of 1068.
;
;   pcpu run examples/patch.pasm LICENSE -o LICENSE.new

.in blob
.out out, 1068

copy out[0:27], blob[0:27]
lit out[27:16], "2027 Example Ltd"
copy out[43:1025], blob[48:1025]
check = crc32c out
