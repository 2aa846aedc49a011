module holdfast/cluster/pause

go 1.26.0
