package http

import (
	"context"
	"sync"
)

// slots are places for so many at once, of which one client may take a share.
// Whoever finds none waits.
type slots struct {
	places chan struct{}
	share  int

	mu      sync.Mutex
	clients map[string]*tenant // those who have a place or wait
}

// tenant is a client's own places.
type tenant struct {
	places chan struct{}
	users  int
}

// newSlots makes n places, of which one client may take three in four.
func newSlots(n int) *slots {
	return &slots{places: make(chan struct{}, n), share: (3*n + 3) / 4, clients: map[string]*tenant{}}
}

// take waits for a place until the context ends. release gives it back, once.
func (s *slots) take(ctx context.Context, client string) (release func(), ok bool) {
	t := s.enter(client)
	select {
	case t.places <- struct{}{}:
	case <-ctx.Done():
		s.leave(client, t)
		return nil, false
	}
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		<-t.places
		s.leave(client, t)
		return nil, false
	}
	return func() {
		<-s.places
		<-t.places
		s.leave(client, t)
	}, true
}

func (s *slots) enter(client string) *tenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.clients[client]
	if t == nil {
		t = &tenant{places: make(chan struct{}, s.share)}
		s.clients[client] = t
	}
	t.users++
	return t
}

func (s *slots) leave(client string, t *tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(s.clients, client)
	}
}
