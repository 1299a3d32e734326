package directory

import "strings"

// CreditCode is a unified social credit code (统一社会信用代码) of GB 32100-2015: eighteen characters, the last a check
// character. Empty means that the enterprise has none yet. A value made by ParseCreditCode is valid.
type CreditCode string

// creditAlphabet is table 3 of GB 32100-2015: no I, O, S, V and Z, which look like digits; the place is the value.
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// creditWeights is 3^i mod 31 for the first seventeen characters (GB 32100-2015, table 4).
var creditWeights = [17]int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28}

// ParseCreditCode reads a code, letters of either case, with blanks around it dropped. Empty stays empty; everything
// that is not a code with its check character is ErrCreditCode. The region within the code (characters 3 to 8) is where
// the unit was registered and may be anywhere.
func ParseCreditCode(s string) (CreditCode, error) {
	if len(s) > 64 {
		return "", ErrCreditCode
	}
	s = strings.ToUpper(strings.TrimSpace(s))
	if s == "" {
		return "", nil
	}
	if len(s) != 18 {
		return "", ErrCreditCode
	}
	for _, c := range s[2:8] {
		if c < '0' || c > '9' {
			return "", ErrCreditCode
		}
	}
	check, ok := creditCheck(s[:17])
	if !ok || check != s[17] {
		return "", ErrCreditCode
	}
	return CreditCode(s), nil
}

// creditCheck computes the check character of the first seventeen: C18 = 31 − Σ(Ci×Wi) mod 31, where 31 stands for 0.
func creditCheck(first17 string) (byte, bool) {
	sum := 0
	for i := range 17 {
		v := strings.IndexByte(creditAlphabet, first17[i])
		if v < 0 {
			return 0, false
		}
		sum += v * creditWeights[i]
	}
	return creditAlphabet[(31-sum%31)%31], true
}
