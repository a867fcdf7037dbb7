# exit 1
longhaul list outputs 2>&1 >/dev/full
