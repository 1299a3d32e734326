// Package telemetry is what an operator sees of a running server: structured logs and numbers for Prometheus.
//
// Logs are log/slog records, as JSON or text, each with the request id of its context. A secret travels as a Secret,
// which no way of printing reveals; attributes whose key names a secret are blanked as a second net.
//
// Numbers live in a registry of their own, never in the global one, so that two servers in one test do not meet. The
// package knows no HTTP framework and no other package of the module: callers hand in plain numbers, and whoever
// serves /metrics takes Gatherer. Labels have a closed set of values (a status that nobody declared counts as "other"), so
// nothing that arrives from outside can make new series. Nothing here says which person, enterprise or place a number is about.
package telemetry
