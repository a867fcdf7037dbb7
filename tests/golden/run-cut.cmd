longhaul run ../tests/golden/cut.yaml --links all
