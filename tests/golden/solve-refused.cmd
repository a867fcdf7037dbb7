# exit 2
longhaul solve llama-8b-two-sites.yaml --vary 'sites[1].gpus=60..70' --target 'efficiency >= 0.5' 2>&1
