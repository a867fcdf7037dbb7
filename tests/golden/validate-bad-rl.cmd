# exit 2
# A speed-up names the row that it is over; no other quantity does.
longhaul validate ../tests/validate/bad-rl.csv 2>&1
