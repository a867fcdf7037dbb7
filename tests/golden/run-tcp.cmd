longhaul run llama-8b-two-sites.yaml --set 'fibres[0].length=10000 km' --set 'fibres[0].transport={kind: tcp, window: 16 MiB, loss: 1e-7}'
