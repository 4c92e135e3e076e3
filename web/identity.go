package web

import (
	"context"
	"net/http"
)

// Identity is who asks. The zero value is nobody.
type Identity struct {
	Name string // of the key, or "demo"
	Role string // researcher, lead, clinician, provider, administrator …
}

type identityKey struct{}

// Who returns the identity that the middleware put on the request.
func Who(ctx context.Context) Identity {
	id, _ := ctx.Value(identityKey{}).(Identity)
	return id
}

// Authenticator finds out who sends a request; ok is false for nobody.
type Authenticator func(*http.Request) (id Identity, ok bool)

// Identify is the one middleware that every route but the operational ones
// passes: who is not known gets 401 with the one line that says what to do.
func Identify(who Authenticator, advice string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, ok := who(r)
			if !ok {
				WriteProblem(w, r, http.StatusUnauthorized, advice)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, id)))
		})
	}
}
