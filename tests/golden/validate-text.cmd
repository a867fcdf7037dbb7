longhaul validate ../tests/validate/tiny.csv
