longhaul run llama-8b-two-sites.yaml
