longhaul run dragonfly.yaml && longhaul run dragonfly.yaml --set 'sites[0].fabric.routing=valiant'
