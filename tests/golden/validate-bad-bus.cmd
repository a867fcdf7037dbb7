# exit 2
# Collectives and ablations: every fault with its line and column.
longhaul validate ../tests/validate/bad-bus.csv 2>&1
