; How often each byte occurs, and how much of it is text.
;
;   pcpu run examples/histogram.pasm FILE --json

.in data

bytes = hist data
low = min data
high = max data
text = bytes[9] + bytes[10] + bytes[13]
repeat 95 as i
    text = text + bytes[32 + i]
end
other = data.len - text
