; What a log holds: its lines, how many of each 64 KiB block, and whether the last one is whole.
;
;   pcpu run examples/log.pasm access.log -o blocks=blocks.csv

.in data

lines = counteq data, 10
ends = 0
if data.len > 0
    last = le data[data.len - 1:1]
    ends = last == 10
end
each window w of 65536 in data into blocks(count, first)
    count = counteq w, 10
    first = find w, 10
end
