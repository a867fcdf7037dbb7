# exit 2
longhaul list model 2>&1
