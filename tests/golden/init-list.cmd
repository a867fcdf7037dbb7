longhaul init --list
