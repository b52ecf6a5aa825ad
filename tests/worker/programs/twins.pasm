.in source
.out first, 4
.out second, source.len

copy first, source[0:4]
copyadd second, source, 1
