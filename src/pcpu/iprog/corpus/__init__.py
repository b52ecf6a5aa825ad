"""Plans for all files of a folder, from a bank.

run(corpus, bank, out, ...) -> Summary

jobs: what there is to do -> journal: what is done already -> cluster, work: the rest, on Dask
-> journal -> table.write (Parquet), page.write (HTML)
"""
