// Package web holds what every HTTP face shares: problem documents, the
// identity middleware and limits.
//
// It knows no route and no question.
package web
