longhaul show scenario ../tests/golden/ecmp.yaml
