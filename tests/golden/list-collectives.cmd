longhaul list collectives
