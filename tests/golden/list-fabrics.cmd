longhaul list fabrics
