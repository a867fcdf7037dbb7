longhaul show topology ../tests/golden/ecmp.yaml
