longhaul run ../tests/golden/fsdp.yaml
