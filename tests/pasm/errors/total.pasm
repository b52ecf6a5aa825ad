repeat 40000
    xor data, 1
end
n = 3
repeat 40000
    xor data, 2
end
repeat 40000
    xor data, 3
end
