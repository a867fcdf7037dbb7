# Bus bandwidth has medians of its own; an ablation is in none.
longhaul validate ../tests/validate/bus.csv
longhaul validate ../tests/validate/bus.csv -o json
longhaul validate ../tests/validate/bus.csv -o markdown | sed '/^## Your own rows/,$d'
