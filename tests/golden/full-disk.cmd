# exit 1
{ longhaul list outputs >/dev/full; } 2>&1
