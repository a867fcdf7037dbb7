# exit 2
# Every fault with its line and column.
longhaul validate ../tests/validate/bad-columns.csv ../tests/validate/bad-rows.csv ../tests/validate/ragged.csv ../tests/validate/no-rows.csv 2>&1
