// Package inspection holds checks and hazards and every rule that changes them, as pure functions.
package inspection
