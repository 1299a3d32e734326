package main

import (
	"context"
	"io"
)

func demo(context.Context, []string, io.Writer, io.Writer) int { return 2 }
