longhaul run llama-8b-128k-context.yaml
