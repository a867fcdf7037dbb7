longhaul show topology ../tests/golden/torus.yaml
