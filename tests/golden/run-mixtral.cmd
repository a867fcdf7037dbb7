longhaul run mixtral-8x7b.yaml
