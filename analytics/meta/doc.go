// Package meta pools estimates of the same effect from several sites.
//
// It never sees people: only estimates and their sampling variances.
package meta
