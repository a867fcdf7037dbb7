longhaul run llama-8b-one-site.yaml
