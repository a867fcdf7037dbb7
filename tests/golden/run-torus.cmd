longhaul run ../tests/golden/torus.yaml
