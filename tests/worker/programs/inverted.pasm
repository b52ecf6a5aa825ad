.inout data

if data.len > 2
    not data
end
