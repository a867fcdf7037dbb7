longhaul show fold llama-8b-two-sites.yaml -o svg
