longhaul run ../tests/golden/tiny.yaml --links all
