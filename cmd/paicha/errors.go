package main

import "paicha/internal/fault"

// errAddress is an address of an engine or of photos that no adapter serves.
var errAddress = fault.New(fault.Invalid, "paicha.address", "不认识的地址")
