longhaul check llama-8b-two-sites.yaml
