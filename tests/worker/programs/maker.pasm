; Has no input.
.param n imm31 = 3
.out out, n

fill out, 7
