package main

import "paicha/internal/fault"

// errAddress is an address of an engine or of photos that no adapter serves.
var errAddress = fault.New(fault.Invalid, "paicha.address", "不认识的地址")

// errElsewhere is a data folder without photos, of a server that keeps them somewhere else.
var errElsewhere = fault.New(fault.Invalid, "paicha.photos_elsewhere",
	"这个数据目录里没有照片：服务的照片放在别处。请用 --blobs（迁移时用 --from-blobs）给出服务所用的照片库地址，否则照片不会一起复制")
