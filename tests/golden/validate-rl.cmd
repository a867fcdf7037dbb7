# Rows of the RL loop: each quantity, refused ones, speed-ups of two rows.
longhaul validate ../tests/validate/rl.csv
