# exit 1
longhaul solve llama-8b-two-sites.yaml --vary 'fibres[0].bandwidth' --target 'efficiency >= 0.95'
