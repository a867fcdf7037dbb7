longhaul show scenario llama-8b-two-sites.yaml
