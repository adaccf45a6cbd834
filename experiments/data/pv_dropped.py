"""The rows of pv.csv that the HBNODE paper's loader leaves out, as pv_dropped.csv on standard
output: a normal draw for every value, then 66265 of the first 73628 rows without replacement,
both from NumPy's legacy generator with seed 1 (hedixia/HeavyBallNODE, pvdat.py)."""
import numpy as np

rows, columns, used, kept = 73728, 5, 73628, 66265
draw = np.random.RandomState(1)
draw.normal(size=(rows, columns))
seen = draw.choice(used, kept, replace=False)
print("row", *np.setdiff1d(np.arange(used), seen), sep="\n")
