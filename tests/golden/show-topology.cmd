longhaul show topology ../tests/golden/tiny.yaml
