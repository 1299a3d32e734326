// Package config reads the server's settings once, from flags, from environment variables named PAICHA_… and from a file,
// checks all of them, and hands back one value that is valid as a whole. A flag wins over its variable, a variable over the
// file, the file over the default.
//
// Every error names the flag and the variable, in Chinese and English, and all of them are told at once. A variable
// PAICHA_… that nobody knows is an error, because a mistyped limit would otherwise be no limit. No setting is itself a secret:
// passwords and keys are named by the file that holds them, so that a Config may be logged. The package imports nothing of this module.
package config
