// Package e2e starts the built binary and drives it in bad weather: killed at any moment, cut in the middle of a photo,
// asked twice. Its scenarios are played by tablets of package sync/client over real sockets.
package e2e
