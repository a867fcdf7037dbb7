longhaul show program ../tests/golden/fsdp.yaml
