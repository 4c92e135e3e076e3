package web

import (
	"net"
	"net/http"
	"net/netip"
)

// RoleDemo is the role of everybody while the demonstration stands open.
const RoleDemo = "demo"

// Client names who sends a request, for limits: the identity, or while nobody
// is known by name the address without its port. Of IPv6 it is the network of
// 64 bits, for whoever has one address of it has all.
func Client(r *http.Request) string {
	if id := Who(r.Context()); id.Name != "" && id.Role != RoleDemo {
		return "key " + id.Name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "address unknown"
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return "address " + ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return "address unknown" // impossible: every address has 64 bits
	}
	return "address " + network.String()
}
