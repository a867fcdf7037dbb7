longhaul show topology -o json ../tests/golden/cut.yaml
