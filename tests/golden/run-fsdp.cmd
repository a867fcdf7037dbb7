longhaul run fsdp-70b-512.yaml
