# exit 2
longhaul validate ../tests/validate/no-base.csv 2>&1
