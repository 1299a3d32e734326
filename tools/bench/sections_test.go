package main

import "testing"

func TestPartialRunReplacesOnlyItsSections(t *testing.T) {
	old := "# Benchmarks\n\nhead\n\n## A\n\na\n\n## B\n\nb\n\n## Most memory of the server\n\nm\n\n## Remarks\n\nr\n"
	partial := "# Benchmarks\n\nother head\n\n## B\n\nnew b\n\n## C\n\nc\n\n## Most memory of the server\n\nx\n\n## Remarks\n\ny\n"
	want := "# Benchmarks\n\nhead\n\n## A\n\na\n\n## B\n\nnew b\n\nalone\n\n## C\n\nc\n\nalone\n\n## Most memory of the server\n\nm\n\n## Remarks\n\nr\n"
	got := string(replaceSections([]byte(old), []byte(partial), "\nalone\n"))
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again := string(replaceSections([]byte(got), []byte(partial), "\nalone\n")); again != want {
		t.Errorf("a second time gives\n%s", again)
	}
}
