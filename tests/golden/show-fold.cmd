longhaul show fold ../tests/golden/tiny.yaml
