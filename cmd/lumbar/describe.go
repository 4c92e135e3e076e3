package main

import "github.com/lumbar-health/lumbar/web"

// describeFaces are the routes that rooms register themselves.
func describeFaces() []web.Route { return nil }
