longhaul show scenario llama-8b-two-sites.yaml --set 'fibres[0].length=80 km' --set plan.tensor=8
