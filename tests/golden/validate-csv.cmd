longhaul validate ../tests/validate/tiny.csv -o csv -j 1
