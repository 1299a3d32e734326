package directory

import (
	"slices"
	"strings"

	"paicha/internal/store"
)

// HistoryTwin is the token that a document carries in the place of t once it is archived. Nobody can be granted one, so
// no pull shows what carries it; whoever holds t reads it through the console's routes.
func HistoryTwin(t store.Token) store.Token { return historyPrefix + t }

// IsHistory reports whether t is a history twin.
func IsHistory(t store.Token) bool { return strings.HasPrefix(string(t), historyPrefix) }

// Archived reports whether a document that carries these tokens is archived: all of them are history twins then.
func Archived(tokens []store.Token) bool { return slices.ContainsFunc(tokens, IsHistory) }

// HistoryTokens are the history twins of tokens, sorted.
func HistoryTokens(tokens []store.Token) []store.Token {
	out := make([]store.Token, len(tokens))
	for i, t := range tokens {
		out[i] = HistoryTwin(t)
	}
	return store.SortTokens(out)
}

// PresentTokens are the tokens that a document has in the working set, sorted: those that it carries, or those whose
// history twins it carries. Rights are decided by them, so that archiving takes from nobody what they may do or read.
func PresentTokens(tokens []store.Token) []store.Token {
	if !Archived(tokens) {
		return tokens
	}
	out := make([]store.Token, len(tokens))
	for i, t := range tokens {
		out[i] = store.Token(strings.TrimPrefix(string(t), historyPrefix))
	}
	return store.SortTokens(out)
}

// InSector are the tokens of which everything of a sector carries at least one, wherever it is, whether it is submitted,
// and also when it is archived; sorted. A sector stands for those within it too.
func InSector(sector SectorID) []store.Token {
	var out []store.Token
	for _, r := range Regions() {
		if r.Parent != "" {
			continue
		}
		t := ScopeToken(r.Code, sector)
		for _, one := range []store.Token{t, SupervisorTwin(t)} {
			out = append(out, one, HistoryTwin(one))
		}
	}
	return store.SortTokens(out)
}
