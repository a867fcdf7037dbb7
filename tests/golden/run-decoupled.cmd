longhaul run decoupled-diloco.yaml
