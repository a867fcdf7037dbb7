# exit 2
longhaul run llama-8b-two-sites.yaml -o xml 2>&1
