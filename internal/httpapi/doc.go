// Package httpapi is the edge: it turns HTTP (RFC 9110) into calls of the packages below it, and their answers and
// faults into HTTP.
//
// One list (server.go, routes) names every route with its handler; tests hold it against docs/openapi.yaml and against
// the policy table of internal/auth, so that a route that nobody described or nobody permitted fails the build. Every
// request walks the same way: request id, access log and panic net (middleware.go), authentication, the person read
// afresh from the store, policy, handler. Handlers decode, call and encode; they hold no rule and name no status but
// success, and problem.go alone turns a fault into one (RFC 9457).
//
// Invariants. No request body is held in memory beyond its limit, which counts inflated bytes. Nothing that comes from
// a fiber.Ctx outlives its handler. What a person may not see is answered exactly as what does not exist. Every list is
// paged, every wait has an end, and a slow client holds nothing but its own connection.
//
// What the package refuses to do: it keeps no session, stores nothing, and decides no right beyond asking the policy.
package httpapi
