from pcpu.target import Target as Target
