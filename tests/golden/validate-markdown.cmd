longhaul validate ../tests/validate/tiny.csv -o markdown
