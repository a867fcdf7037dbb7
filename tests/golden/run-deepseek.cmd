longhaul run deepseek-v3-2048-h800.yaml
