# exit 2
longhaul rum llama-8b-two-sites.yaml 2>&1
