; Has no input.
.param n imm32 = 3
.out out, n

fill out, 7
