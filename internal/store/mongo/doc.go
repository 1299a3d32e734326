// Package mongo is the engine of the store for many machines: one collection of a MongoDB-compatible server.
package mongo
