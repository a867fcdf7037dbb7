longhaul run intellect-1-usa.yaml
