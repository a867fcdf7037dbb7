longhaul show program ../tests/golden/tiny.yaml
