longhaul run ../tests/golden/ecmp.yaml --links all
