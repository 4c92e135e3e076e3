// Package api is HTTP over queries: routes, their description in OpenAPI, and
// the map from errors to statuses.
//
// It computes nothing, and shows only what disclosure has passed.
package api
