longhaul explain 'fibres[].bandwidth'
