longhaul show scenario ../tests/golden/cut.yaml
