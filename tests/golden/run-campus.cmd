# Two halls on a campus, its topology, and one hall.
longhaul run two-halls-campus.yaml && longhaul show topology two-halls-campus.yaml && longhaul run two-halls-campus.yaml --set sites[0].fabric.building_gpus=0 2>/dev/null | grep "step time"
